"""The sessions of users: who is behind a token, and how sessions end."""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.domain.apps.callers import Caller, administrator
from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.store.operating import audit
from app.store.users import user_sessions
from app.store.users.user_sessions import Session
from app.store.users.users import User

__all__ = ["Session", "Sessions", "actor_of", "begin", "caller_of", "new_token"]

log = structlog.get_logger()

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_TOUCH_EVERY: Final = timedelta(minutes=1)
_LONGEST_AGENT: Final = 200


class Sessions:
    """Finds sessions and ends them.

    A session ends 12 hours after it began, and 2 hours after it was last used.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def behind(self, token: str) -> Session | None:
        """The session of a token; None when there is none, it is over, or its user is disabled."""
        token_hash = hash_of(token)
        if token_hash is None:
            return None
        with self._database.asking() as connection:
            found = user_sessions.find(connection, token_hash)
        if found is None:
            return None
        if found.now - found.session.seen_at >= _TOUCH_EVERY:
            self._touch(found.session)
        return found.session

    def _touch(self, session: Session) -> None:
        """Note the use. If the database is too busy, the request still succeeds."""
        try:
            with self._database.transaction() as connection:
                user_sessions.touch(connection, session.id)
        except ServiceUnavailable:
            log.warning("session_use_not_noted", session=str(session.id))

    def of_user(self, user_id: UUID) -> tuple[Session, ...]:
        """The sessions of a user, newest first."""
        with self._database.reading() as connection:
            return user_sessions.of_user(connection, user_id)

    def end(self, token: str) -> None:
        """End the session of a token, if there is one."""
        token_hash = hash_of(token)
        if token_hash is None:
            return
        with self._database.transaction() as connection:
            user_sessions.end(connection, token_hash)

    def end_one(self, user: User, session_id: UUID) -> bool:
        """End one session of this user. Whether there was one."""
        with self._database.transaction() as connection:
            ended = user_sessions.end_one(connection, user.id, session_id)
            _note_ended(connection, user, int(ended))
            return ended

    def end_all(self, user: User, except_token: str) -> int:
        """End all sessions of this user except that of the token. How many."""
        with self._database.transaction() as connection:
            ended = user_sessions.end_all(connection, user.id, keep=hash_of(except_token))
            _note_ended(connection, user, ended)
            return ended


def begin(connection: Connection, user: User, *, by: str, user_agent: str) -> str:
    """The token of a new session of a user who is locked; `by` is how the user signed in, for the audit."""
    token = new_token()
    shown = "".join(character for character in user_agent if character.isprintable())[:_LONGEST_AGENT]
    user_sessions.add(connection, user.id, digest(token), user_agent=shown)
    audit.write(connection, actor=actor_of(user), action="user.signed_in", key=None, reason=None, data={"by": by})
    return token


def _note_ended(connection: Connection, user: User, number: int) -> None:
    if number:
        data = {"number": number}
        audit.write(connection, actor=actor_of(user), action="user.sessions_ended", key=None, reason=None, data=data)


def caller_of(session: Session) -> Caller:
    """The caller that a signed-in user is for the services. The console checks the role before it calls one."""
    return administrator(actor_of(session.user))


def actor_of(user: User) -> str:
    """What the audit calls a user."""
    return f"user:{user.name}"


def new_token() -> str:
    """A new token: 32 random bytes as 43 characters of URL-safe base64."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is stored of a token of ours."""
    return hashlib.sha256(token.encode()).digest()


def hash_of(token: str) -> bytes | None:
    """What is stored of a token that came from outside; None when it has not the form of one."""
    return digest(token) if _TOKEN.fullmatch(token) else None
