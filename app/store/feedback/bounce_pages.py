"""The stored bounces, a page at a time and oldest first, and how each was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from app.domain.feedback.events import Bounce, EventType
from app.store.engine.ids import first_id_of
from app.store.feedback.events import said
from app.store.tables.core import events, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBounce:
    """A bounce as it is stored. `cause` and `rule` are how it was read; None for one that an earlier version read."""

    id: UUID
    ses_message_id: str
    address: str | None
    key: str | None
    occurred_at: datetime
    mail_sent_at: datetime | None
    bounce: Bounce
    cause: str | None
    rule: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BouncePage:
    """The bounces among some events, and the id of the last of those events; None at the end."""

    bounces: tuple[StoredBounce, ...]
    last: UUID | None


def page(connection: Connection, *, after: UUID | None, since: datetime, limit: int) -> BouncePage:
    """The bounces among the next `limit` events that were stored since then."""
    # By id alone: a condition on the type would read on until it has found enough.
    start = events.c.id > after if after else events.c.id >= first_id_of(since)
    columns = ("id", "type", "ses_message_id", "address", "key", "occurred_at", "mail_sent_at", "data")
    rows = connection.execute(
        select(*[events.c[name] for name in columns]).where(start).order_by(events.c.id).limit(limit)
    )
    found, last = [], None
    for row in rows:
        last = row.id
        bounce, _ = said(row.data) if row.type == EventType.BOUNCE else (None, None)
        if bounce is not None:
            found.append(
                StoredBounce(
                    id=row.id,
                    ses_message_id=row.ses_message_id,
                    address=row.address,
                    key=row.key,
                    occurred_at=row.occurred_at,
                    mail_sent_at=row.mail_sent_at,
                    bounce=bounce,
                    cause=row.data.get("cause"),
                    rule=row.data.get("rule"),
                    data=row.data,
                )
            )
    return BouncePage(tuple(found), last)


def read_again(
    connection: Connection, event_id: UUID, *, data: Mapping[str, Any], counts_against: bool, effect: str
) -> None:
    """Store how the bounce reads now."""
    values = {"data": dict(data), "counts_against": counts_against, "effect": effect}
    connection.execute(update(events).where(events.c.id == event_id).values(values))


def recipient_of(connection: Connection, event_id: UUID) -> UUID | None:
    """The recipient of the bounce; None for one that is not known."""
    found: UUID | None = connection.scalar(select(events.c.recipient_id).where(events.c.id == event_id))
    return found


def show_cause(connection: Connection, recipient_id: UUID, *, cause: str) -> None:
    """Give a recipient, which the caller has locked, the cause of its bounce."""
    connection.execute(update(recipients).where(recipients.c.id == recipient_id).values(cause=cause))
