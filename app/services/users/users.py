"""Keep the users of the console: administrators create and change them, and each user keeps its own password and codes.

Each change is in the audit. A change of password or role, and disabling, end the sessions of the user.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, NotFound, ValidationFailed
from app.domain.users.names import check_password, parse_name
from app.domain.users.roles import Role
from app.services.paging import Page, Paged, paged
from app.services.suppression.entries import check_reason, invalid
from app.services.users.codes import new_secret, read_secret, step_of, step_of_user, uri_of
from app.services.users.guesses import Guesses, forget, note_lock
from app.services.users.passwords import Passwords
from app.services.users.sessions import actor_of, digest, hash_of, new_token
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.submission.sealing import KeyRing
from app.store.users import sign_in_links, user_sessions, users
from app.store.users.users import Credentials, User

__all__ = ["User", "Users"]

FIRST_ADMIN: Final = "admin"
_NO_CODES: Final = "You need no codes at the sign-in."
LINK_LASTS: Final = timedelta(minutes=15)
FIRST_LINK_LASTS: Final = timedelta(days=1)
"""How long the first link of a user lasts: it has to be handed over."""


class Users:
    """Keeps users. `name` is that of a user; an unknown one raises `NotFound`."""

    def __init__(self, *, database: Database, key_ring: KeyRing, passwords: Passwords, guesses: Guesses) -> None:
        self._database = database
        self._key_ring = key_ring
        self._passwords = passwords
        self._guesses = guesses

    def create(self, caller: Caller, name: str, role: Role, reason: str | None = None) -> tuple[User, str]:
        """A new user without a password, and the token of a link for its first sign-in, which lasts for a day.

        Raises `ValidationFailed`, also for a name that is taken.
        """
        caller.require(Scope.ADMIN)
        new, why = parse_name(name), check_reason(reason)
        with self._database.transaction() as connection:
            if not users.add(connection, new, role):
                raise invalid("/name", "taken", "There is a user of this name already.")
            user = _found(connection, new)
            _note(connection, caller.actor, "user.created", user, reason=why, data={"role": role})
            return user, _link(connection, user, lasts=FIRST_LINK_LASTS)

    def first_admin(self, caller: Caller) -> str:
        """The token of a link for the user `admin`, who is made if there is none. It lasts for a day.

        It leaves a password as it is: `up` prints such a link at each start.
        """
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            if users.add(connection, FIRST_ADMIN, Role.ADMIN):
                made = _found(connection, FIRST_ADMIN)
                _note(connection, caller.actor, "user.created", made, data={"role": Role.ADMIN})
            user = _held(connection, FIRST_ADMIN).user
            _note(connection, caller.actor, "user.link", user)
            return _link(connection, user, lasts=FIRST_LINK_LASTS, replaces_password=False)

    def link(self, caller: Caller, name: str, reason: str | None = None) -> str:
        """The token of a link that signs the user in, once, within 15 minutes; earlier links of the user end.

        With its use the password of the user ends, and so do their sessions: they choose another password.
        """
        caller.require(Scope.ADMIN)
        why = check_reason(reason)
        with self._database.transaction() as connection:
            user = _held(connection, name).user
            if user.disabled_at is not None:
                raise Conflict("The user is disabled: enable it first.")
            _note(connection, caller.actor, "user.link", user, reason=why)
            return _link(connection, user, lasts=LINK_LASTS)

    def all(self, caller: Caller) -> tuple[User, ...]:
        """Every user, by name."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return users.all_users(connection)

    def page(self, caller: Caller, page: Page) -> Paged[User]:
        """One page of the users, by name."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = users.page(connection, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(found, page)

    def by_id(self, caller: Caller, user_id: UUID) -> User:
        """The user of this id. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            user = users.by_id(connection, user_id)
        if user is None:
            raise _unknown()
        return user

    def find(self, caller: Caller, name: str) -> User:
        """The user."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return _found(connection, name)

    def change_role(self, caller: Caller, name: str, role: Role, reason: str) -> User:
        """The user, with another role. Raises `Conflict` for the last administrator, and `ValidationFailed`."""
        why = _why(caller, reason)
        with self._database.transaction() as connection:
            user = _held_beside_an_admin(connection, name, stays=role is Role.ADMIN)
            if user.role is not role:
                users.set_role(connection, user.id, role)
                user_sessions.end_all(connection, user.id)
                _note(connection, caller.actor, "user.role", user, reason=why, data={"role": role, "before": user.role})
            return _found(connection, name)

    def disable(self, caller: Caller, name: str, reason: str) -> User:
        """The user, who can no longer sign in. Raises `Conflict` for the last administrator, and `ValidationFailed`."""
        why = _why(caller, reason)
        with self._database.transaction() as connection:
            user = _held_beside_an_admin(connection, name, stays=False)
            if user.disabled_at is None:
                users.disable(connection, user.id)
                user_sessions.end_all(connection, user.id)
                sign_in_links.erase_of(connection, user.id)
                _note(connection, caller.actor, "user.disabled", user, reason=why)
            return _found(connection, name)

    def enable(self, caller: Caller, name: str, reason: str) -> User:
        """The user, who may sign in again. Raises `ValidationFailed`."""
        why = _why(caller, reason)
        with self._database.transaction() as connection:
            user = _held(connection, name).user
            if user.disabled_at is not None:
                users.enable(connection, user.id)
                _note(connection, caller.actor, "user.enabled", user, reason=why)
            return _found(connection, name)

    def reset_totp(self, caller: Caller, name: str, reason: str) -> User:
        """The user, who needs no code any more, until they set one up again. Raises `ValidationFailed`."""
        why = _why(caller, reason)
        with self._database.transaction() as connection:
            user = _held(connection, name).user
            if user.has_totp:
                users.set_totp(connection, user.id, None, step=None)
                _note(connection, caller.actor, "user.totp_reset", user, reason=why)
            return _found(connection, name)

    def set_password(self, user: User, current: str | None, new: str, *, except_token: str = "") -> None:
        """Give the user another password; `current` is needed if there is one.

        All sessions of the user end, except that of the token. Raises `ValidationFailed`, `Conflict` if the password
        was changed meanwhile or the user is an OpenID provider's, `SignInLocked` after too many wrong ones, and
        `ServiceUnavailable`.
        """
        if user.has_openid:  # with a password here, a person who leaves the provider would not leave the gateway
            raise Conflict("The password of this user is kept by the OpenID provider.")
        check_password(new, name=user.name)
        before = self._credentials(user)
        if before.password_hash is not None:
            self._check_current(before, current)
        with self._passwords.turn():
            password_hash = self._passwords.hash(new)
        with self._database.transaction() as connection:
            held = _held(connection, user.name)
            if held.password_hash != before.password_hash:
                raise Conflict("The password was changed meanwhile.")
            users.set_password(connection, user.id, password_hash)
            user_sessions.end_all(connection, user.id, keep=hash_of(except_token))
            sign_in_links.erase_of(connection, user.id)
            _note(connection, actor_of(user), "user.password", user)

    def begin_totp(self, user: User) -> tuple[str, str]:
        """A secret in base32, and its `otpauth:` URI. It has no effect until `confirm_totp` gets a code of it."""
        secret = new_secret()
        return secret, uri_of(secret, name=user.name)

    def confirm_totp(self, user: User, secret: str, code: str) -> None:
        """From now on the user needs codes of this secret. Raises `ValidationFailed`.

        Raises `Conflict` if the user needs codes of another one already.
        """
        plain = read_secret(secret)
        if plain is None:
            raise invalid("/secret", "grammar", "This is not a secret that was made here: begin again.")
        with self._database.transaction() as connection:
            if _held(connection, user.name).totp is not None:
                raise Conflict("The user needs codes already: end that first.")
            step = step_of(plain, code, now=clock(connection), used=None)
            if step is None:
                raise _wrong_code()
            users.set_totp(connection, user.id, self._key_ring.seal(plain, row_id=user.id), step=step)
            _note(connection, actor_of(user), "user.totp", user)

    def end_totp(self, user: User, code: str) -> None:
        """From now on the user needs no code.

        Raises `ValidationFailed` for a wrong code, `SignInLocked`, and `Conflict` for a user who needs none.
        """
        if self._credentials(user).totp is None:
            raise Conflict(_NO_CODES)
        lock = self._guesses.begin(user.name)
        with self._database.transaction() as connection:
            held = _held(connection, user.name)
            is_right = step_of_user(connection, self._key_ring, held, code) is not None
            if is_right:
                users.set_totp(connection, user.id, None, step=None)
                forget(connection, user.name)
                _note(connection, actor_of(user), "user.totp_ended", user)
            elif lock:
                note_lock(connection, lock, user=user.name)
        if not is_right:
            raise _wrong_code()

    def _check_current(self, held: Credentials, current: str | None) -> None:
        """Raise `ValidationFailed` unless this is the password. It counts as a guess, as at the sign-in."""
        name = held.user.name
        with self._passwords.turn():
            lock = self._guesses.begin(name)
            right = self._passwords.verify(held.password_hash, current or "")
        with self._database.transaction() as connection:
            if right:
                forget(connection, name)
            elif lock:
                note_lock(connection, lock, user=name)
        if not right:
            raise invalid("/current", "wrong", "The current password is wrong.")

    def _credentials(self, user: User) -> Credentials:
        with self._database.reading() as connection:
            found = users.credentials(connection, user.name)
        if found is None:
            raise _unknown()
        return found


def _found(connection: Connection, name: str) -> User:
    """The user of this name. Raises `NotFound`."""
    user = users.find(connection, parse_name(name))
    if user is None:
        raise _unknown()
    return user


def _held(connection: Connection, name: str) -> Credentials:
    """The credentials of the user of this name, locked. Raises `NotFound`."""
    held = users.hold(connection, _found(connection, name).id)
    if held is None:
        raise _unknown()
    return held


def _held_beside_an_admin(connection: Connection, name: str, *, stays: bool) -> User:
    """The user of this name, locked. Raises `NotFound`, and `Conflict` for the last administrator, unless it `stays`.

    All administrators are locked: two who disable each other at the same moment would both succeed otherwise.
    """
    held = {user.name: user for user in users.hold_with_admins(connection, parse_name(name))}
    user = held.pop(parse_name(name), None)
    if user is None:
        raise _unknown()
    is_admin = user.role is Role.ADMIN and user.disabled_at is None
    if is_admin and not stays and not held:
        raise Conflict("This is the last administrator: make another user an administrator first.")
    return user


def _link(connection: Connection, user: User, *, lasts: timedelta, replaces_password: bool = True) -> str:
    token = new_token()
    sign_in_links.replace(connection, user.id, digest(token), lasts=lasts, replaces_password=replaces_password)
    return token


def _why(caller: Caller, reason: str) -> str:
    """The reason of an administrator. Raises `RestrictedApiKey` and `ValidationFailed`."""
    caller.require(Scope.ADMIN)
    why = check_reason(reason)
    if why is None:
        raise invalid("/reason", "required", "A change of a user needs a reason, which is kept in the audit.")
    return why


def _note(
    connection: Connection,
    actor: str,
    action: str,
    user: User,
    *,
    reason: str | None = None,
    data: audit.Json | None = None,
) -> None:
    named = {"user": user.name, **(data or {})}
    audit.write(connection, actor=actor, action=action, key=None, reason=reason, data=named)


def _unknown() -> NotFound:
    return NotFound("There is no such user; `./postern user create` makes one.")


def _wrong_code() -> ValidationFailed:
    return invalid("/code", "wrong", "The code is wrong, or was used already.")
