"""Rows of sessions. The database's clock decides whether one is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, and_, delete, insert, select, update

from app.store.engine.database import ahead, now
from app.store.engine.ids import new_id
from app.store.tables.core import user_sessions, users
from app.store.users.users import User, user_of

LASTS: Final = timedelta(hours=12)
"""How long a session lasts at most."""

UNUSED_LASTS: Final = timedelta(hours=2)
"""How long a session lasts after its last use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser, and its user."""

    id: UUID
    user: User
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    user_agent: str


_LIVE: Final = and_(user_sessions.c.ends_at > now(), user_sessions.c.seen_at > ahead(-UNUSED_LASTS.total_seconds()))
_OF_SESSION: Final = tuple(
    user_sessions.c[name].label(f"session_{name}") for name in Session.__dataclass_fields__ if name != "user"
)
_SESSIONS: Final = (
    select(users, *_OF_SESSION, now().label("now"))
    .join(users, users.c.id == user_sessions.c.user_id)
    .where(_LIVE, users.c.disabled_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Found:
    """A session, and the time at which it was found."""

    session: Session
    now: datetime


def add(connection: Connection, user_id: UUID, token_hash: bytes, *, user_agent: str) -> None:
    """Add a session that begins now."""
    ends_at = ahead(LASTS.total_seconds())
    values = {"id": new_id(), "token_hash": token_hash, "user_id": user_id, "user_agent": user_agent}
    connection.execute(insert(user_sessions).values(**values, created_at=now(), seen_at=now(), ends_at=ends_at))


def find(connection: Connection, token_hash: bytes) -> Found | None:
    """The session of this token, unless it is over or its user is disabled."""
    row = connection.execute(_SESSIONS.where(user_sessions.c.token_hash == token_hash)).mappings().one_or_none()
    return Found(_session(row), row["now"]) if row else None


def of_user(connection: Connection, user_id: UUID) -> tuple[Session, ...]:
    """The sessions of a user that are not over, newest first."""
    query: Select[Any] = _SESSIONS.where(user_sessions.c.user_id == user_id).order_by(user_sessions.c.id.desc())
    return tuple(map(_session, connection.execute(query).mappings()))


def touch(connection: Connection, session_id: UUID) -> None:
    """Note that a session is used."""
    connection.execute(update(user_sessions).where(user_sessions.c.id == session_id).values(seen_at=now()))


def end(connection: Connection, token_hash: bytes) -> None:
    """End the session of this token."""
    connection.execute(delete(user_sessions).where(user_sessions.c.token_hash == token_hash))


def end_one(connection: Connection, user_id: UUID, session_id: UUID) -> bool:
    """End one session of a user. Whether there was one."""
    this_one = (user_sessions.c.user_id == user_id) & (user_sessions.c.id == session_id)
    return connection.execute(delete(user_sessions).where(this_one)).rowcount > 0


def end_all(connection: Connection, user_id: UUID, *, keep: bytes | None = None) -> int:
    """End the sessions of a user, except that of this token. How many."""
    theirs = user_sessions.c.user_id == user_id
    if keep is not None:
        theirs &= user_sessions.c.token_hash != keep
    return connection.execute(delete(user_sessions).where(theirs)).rowcount


def erase(connection: Connection, *, limit: int) -> int:
    """Delete up to `limit` sessions that have ended, the first that ended first. How many."""
    ended = select(user_sessions.c.id).where(user_sessions.c.ends_at <= now()).order_by(user_sessions.c.ends_at)
    found = connection.scalars(ended.limit(limit).with_for_update(skip_locked=True)).all()
    connection.execute(delete(user_sessions).where(user_sessions.c.id.in_(found)))
    return len(found)


def _session(row: RowMapping) -> Session:
    values = {name: row[f"session_{name}"] for name in Session.__dataclass_fields__ if name != "user"}
    return Session(user=user_of(row), **values)
