"""Sign a person in to the console: by password and code, by a link, or by an OpenID provider.

An answer does not show whether a user exists, and takes the same work in each case.
"""

from typing import Final

from sqlalchemy import Connection

from app.domain.errors import SignInRefused
from app.domain.users.names import is_name, normalised, parse_name
from app.domain.users.roles import Role
from app.services.users.codes import step_of_user
from app.services.users.guesses import Guesses, forget, note_lock
from app.services.users.passwords import Passwords
from app.services.users.sessions import actor_of, begin, hash_of
from app.store.engine.database import Database
from app.store.operating import audit
from app.store.submission.sealing import KeyRing
from app.store.users import sign_in_links, user_sessions, users
from app.store.users.users import Credentials, User

_WRONG: Final = "The name, the password or the code is wrong."
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0 section 2


class SignIn:
    """Begins sessions. The token that it returns is the only one; the database has its SHA-256."""

    def __init__(self, *, database: Database, key_ring: KeyRing, passwords: Passwords, guesses: Guesses) -> None:
        self._database = database
        self._key_ring = key_ring
        self._passwords = passwords
        self._guesses = guesses

    def with_password(self, name: str, password: str, code: str | None, *, user_agent: str) -> str:
        """The token of a new session.

        Raises `SignInRefused` with one sentence for all causes, `SignInLocked`, `Conflict` if the secret of the codes
        cannot be opened, and `ServiceUnavailable` when too many people sign in at once.
        """
        given = normalised(name)
        with self._passwords.turn():
            lock = self._guesses.begin(given)
            known = self._known(given)
            right = self._passwords.verify(known.password_hash if known else None, password)
        with self._database.transaction() as connection:
            held = self._still_right(connection, known, code) if known is not None and right else None
            token = self._begun(connection, held, given, user_agent=user_agent) if held else None
            if token is None and lock:
                note_lock(connection, lock, user=given if known else None)
        if token is None:
            raise SignInRefused(_WRONG)
        return token

    def _known(self, name: str) -> Credentials | None:
        if not is_name(name):
            return None
        with self._database.reading() as connection:
            return users.credentials(connection, name)

    def _still_right(self, connection: Connection, known: Credentials, code: str | None) -> Credentials | None:
        """The credentials, locked, if the password is still theirs and the code is right, which is used up then."""
        held = users.hold(connection, known.user.id)
        if held is None or held.user.disabled_at is not None or held.password_hash != known.password_hash:
            return None
        if held.totp is not None:
            step = step_of_user(connection, self._key_ring, held, code)
            if step is None:
                return None
            users.use_step(connection, held.user.id, step)
        return held

    def _begun(self, connection: Connection, held: Credentials, name: str, *, user_agent: str) -> str:
        token = begin(connection, held.user, by="code" if held.totp else "password", user_agent=user_agent)
        forget(connection, name)
        return token

    def with_link(self, token: str, *, user_agent: str) -> str | None:
        """The token of a new session for a link, which is used up; None when it is unknown, used or over.

        It asks for no code, and a locked name does not stop it: the link is the way back in.
        """
        token_hash = hash_of(token)
        if token_hash is None:
            return None
        with self._database.transaction() as connection:
            user_id = sign_in_links.owner(connection, token_hash)
            held = users.hold(connection, user_id) if user_id else None
            replaces_password = sign_in_links.use_up(connection, token_hash) if held else None
            if held is None or replaces_password is None or held.user.disabled_at is not None:
                return None
            if replaces_password:
                users.set_password(connection, held.user.id, None)
                user_sessions.end_all(connection, held.user.id)
            forget(connection, held.user.name)
            return begin(connection, held.user, by="link", user_agent=user_agent)

    def with_oidc(self, issuer: str, subject: str, name: str, role: Role, *, user_agent: str) -> str:
        """The token of a new session for a person that an OpenID provider has signed in.

        The first time makes the user; each time gives it the role, unless it is the last administrator, who keeps
        theirs. Raises `SignInRefused` for a disabled user, for the name of another one and for an issuer or subject
        that is too long, and `ValidationFailed` for a name that no user may have.
        """
        if max(len(issuer), len(subject)) > _LONGEST_SUBJECT:
            raise SignInRefused(f"An issuer and a subject have at most {_LONGEST_SUBJECT} characters.")
        with self._database.transaction() as connection:
            known = users.name_of_subject(connection, issuer, subject)
            if known is None:
                known = _added(connection, issuer, subject, parse_name(name), role)
            held = {one.name: one for one in users.hold_with_admins(connection, known)}
            user = held.pop(known)
            if user.disabled_at is not None:
                raise SignInRefused("This user is disabled.")
            if user.role is not role:
                _follow(connection, user, role, is_last=user.role is Role.ADMIN and not held)
            return begin(connection, user, by="openid", user_agent=user_agent)


def _added(connection: Connection, issuer: str, subject: str, name: str, role: Role) -> str:
    users.add(connection, name, role, issuer=issuer, subject=subject)
    if users.name_of_subject(connection, issuer, subject) is None:
        raise SignInRefused("Another user has this name.")
    data = {"user": name, "role": role}
    audit.write(connection, actor=f"user:{name}", action="user.created", key=None, reason="OpenID", data=data)
    return name


def _follow(connection: Connection, user: User, role: Role, *, is_last: bool) -> None:
    """Give the user the role that the provider says. The last administrator keeps theirs, and the audit says so."""
    action = "user.role_kept" if is_last else "user.role"
    if not is_last:
        users.set_role(connection, user.id, role)
        user_sessions.end_all(connection, user.id)
    data = {"user": user.name, "role": role, "before": user.role}
    audit.write(connection, actor=actor_of(user), action=action, key=None, reason="OpenID", data=data)
