"""Messages of queues that were refused: kept aside with the reason until a person has looked, and never settled.

Their texts are not authentic. They are bounded in size and number, since anyone may have written them who may write to
the queue: beyond `MOST` the oldest are deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, delete, select

from app.store.engine.database import add_once, now
from app.store.engine.ids import new_id
from app.store.engine.keyset import page_of
from app.store.tables.core import refused_messages

MOST: Final = 1_000
LONGEST: Final = 64 * 1024
"""Characters of a body that are kept."""

LONGEST_ID: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRefused:
    """A message to keep aside: `message_id` is that of SQS, `reason` a word and `detail` a sentence of ours."""

    queue: str
    message_id: str
    reason: str
    detail: str
    body: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMessage:
    """A message that was kept aside. `length` is that of the whole body, in characters."""

    id: UUID
    queue: str
    message_id: str
    reason: str
    detail: str
    length: int
    sent_at: datetime | None
    refused_at: datetime


_COLUMNS: Final = [refused_messages.c[name] for name in RefusedMessage.__dataclass_fields__]


def add(connection: Connection, new: Sequence[NewRefused]) -> int:
    """Keep these aside. How many were not there before: SQS may deliver a message again that was to be deleted."""
    added = 0
    for one in sorted(new, key=lambda one: (one.queue, one.message_id)):
        added += add_once(
            connection,
            refused_messages,
            id=new_id(),
            queue=one.queue,
            message_id=one.message_id[:LONGEST_ID],
            reason=one.reason,
            detail=one.detail,
            raw=_storable(one.body),
            length=len(one.body),
            sent_at=one.sent_at,
            refused_at=now(),
        )
    if added:
        newest = select(refused_messages.c.id).order_by(refused_messages.c.id.desc()).limit(MOST)
        connection.execute(delete(refused_messages).where(refused_messages.c.id.not_in(newest)))
    return added


def newest(connection: Connection, *, limit: int) -> tuple[RefusedMessage, ...]:
    """Those that are kept, the newest first."""
    query = select(*_COLUMNS).order_by(refused_messages.c.id.desc()).limit(limit)
    return tuple(RefusedMessage(**row) for row in connection.execute(query).mappings())


def page(connection: Connection, *, limit: int, after: UUID | None, before: UUID | None) -> tuple[RefusedMessage, ...]:
    """Up to `limit` of them, the newest first."""
    rows = page_of(connection, select(*_COLUMNS), refused_messages.c.id, limit=limit, after=after, before=before)
    return tuple(RefusedMessage(**row) for row in rows)


def find(connection: Connection, refused_id: UUID) -> tuple[RefusedMessage, str] | None:
    """One of them, and its text as far as it is kept."""
    query = select(*_COLUMNS, refused_messages.c.raw).where(refused_messages.c.id == refused_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return RefusedMessage(**{name: row[name] for name in RefusedMessage.__dataclass_fields__}), row["raw"]


def remove(connection: Connection, refused_id: UUID) -> None:
    """Keep this one no longer."""
    connection.execute(delete(refused_messages).where(refused_messages.c.id == refused_id))


def erase(connection: Connection, *, refused_before: datetime, limit: int) -> int:
    """Delete up to `limit` that are past their retention. How many."""
    old = select(refused_messages.c.id).where(refused_messages.c.refused_at < refused_before).limit(limit)
    found = connection.scalars(old.with_for_update(skip_locked=True)).all()
    connection.execute(delete(refused_messages).where(refused_messages.c.id.in_(found)))
    return len(found)


def _storable(body: str) -> str:
    """The text without what no database stores: NUL, and halves of surrogate pairs."""
    return body[:LONGEST].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
