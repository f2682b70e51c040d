"""The inbox of notifications: store once, take a batch, settle or park.

A row is here before anybody drew a conclusion from it, and it stays until its retention ends, so no notification is
ever lost between the answer to SNS and its effect.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, delete, func, select, update

from app.store.db import add_once, now
from app.store.ids import new_id
from app.store.models import feedback


class InboxState(StrEnum):
    """Where a notification stands. `quarantined`: it broke its reader; kept for a person, it delays nobody."""

    NEW = "new"
    PARKED = "parked"
    PROCESSED = "processed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One authentic notification as it came."""

    id: UUID
    sns_message_id: str
    raw: str
    state: InboxState
    tries: int
    received_at: datetime


_WAITING = (InboxState.NEW, InboxState.PARKED)


def store(
    connection: Connection, *, sns_message_id: str, topic_arn: str, kind: str, raw: str, published_at: datetime
) -> bool:
    """Keep a notification; False when SNS brought it before."""
    return add_once(
        connection,
        feedback,
        id=new_id(),
        sns_message_id=sns_message_id,
        topic_arn=topic_arn,
        kind=kind,
        raw=raw,
        state=InboxState.NEW,
        due_at=now(),
        published_at=published_at,
        received_at=now(),
    )


def take(connection: Connection, *, limit: int) -> tuple[Notification, ...]:
    """Due notifications, oldest first, locked until the transaction ends; those of other workers are skipped."""
    query = (
        select(feedback)
        .where(feedback.c.state.in_(_WAITING), feedback.c.due_at <= now())
        .order_by(feedback.c.due_at, feedback.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return tuple(
        Notification(
            id=row.id,
            sns_message_id=row.sns_message_id,
            raw=row.raw,
            state=InboxState(row.state),
            tries=row.tries,
            received_at=row.received_at,
        )
        for row in connection.execute(query)
    )


def finish(connection: Connection, notification_ids: Iterable[UUID], *, note: str | None = None) -> None:
    """Mark notifications as processed."""
    connection.execute(
        update(feedback)
        .where(feedback.c.id.in_(list(notification_ids)))
        .values(state=InboxState.PROCESSED, processed_at=now(), note=note)
    )


def put_off(connection: Connection, notification_id: UUID, *, state: InboxState, due_at: datetime, note: str) -> None:
    """Park a notification until a later look, or quarantine it."""
    connection.execute(
        update(feedback)
        .where(feedback.c.id == notification_id)
        .values(state=state, due_at=due_at, note=note, tries=feedback.c.tries + 1)
    )


def wake(connection: Connection, ses_message_ids: list[str]) -> None:
    """Look again now at parked notifications that wait for one of these SES message ids."""
    if ses_message_ids:
        awaited = feedback.c.note.in_([waiting_for(ses_message_id) for ses_message_id in ses_message_ids])
        connection.execute(update(feedback).where(feedback.c.state == InboxState.PARKED, awaited).values(due_at=now()))


def waiting_for(ses_message_id: str) -> str:
    """The note of a notification that is parked until the mail of this SES message id is known."""
    return f"waits for {ses_message_id}"


def has_due(connection: Connection) -> bool:
    """Whether any notification is due."""
    due = select(feedback.c.id).where(feedback.c.state.in_(_WAITING), feedback.c.due_at <= now()).limit(1)
    return connection.scalar(due) is not None


def counts(connection: Connection) -> dict[str, int]:
    """How many notifications stand in each state."""
    rows = connection.execute(select(feedback.c.state, func.count()).group_by(feedback.c.state))
    return dict(rows.all())


def erase(connection: Connection, *, received_before: datetime, limit: int) -> int:
    """Delete processed notifications past their retention; how many."""
    old = (
        select(feedback.c.id)
        .where(feedback.c.state == InboxState.PROCESSED, feedback.c.received_at < received_before)
        .limit(limit)
    )
    return connection.execute(delete(feedback).where(feedback.c.id.in_(old))).rowcount
