"""The inbox of notifications: store once, take a batch, settle or park.

A row is here before anybody drew a conclusion from it, and it stays until its retention ends, so no notification is
ever lost between the answer to SNS and its effect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    bindparam,
    case,
    delete,
    func,
    literal,
    null,
    select,
    update,
)

from app.store.bulk import InsertFree, Row, Update
from app.store.db import now
from app.store.models import feedback


class InboxState(StrEnum):
    """Where a notification stands. `quarantined`: it broke its reader; kept for a person, it delays nobody."""

    NEW = "new"
    PARKED = "parked"
    PROCESSED = "processed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotification:
    """One authentic notification to keep."""

    id: UUID
    sns_message_id: str
    topic_arn: str
    kind: str
    raw: str
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """A notification that is parked until a later look, or quarantined, and why."""

    id: UUID
    state: InboxState
    due_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One authentic notification as it came."""

    id: UUID
    sns_message_id: str
    raw: str
    state: InboxState
    tries: int
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notification that is not processed, and why."""

    id: UUID
    kind: str
    state: InboxState
    note: str | None
    tries: int
    received_at: datetime
    due_at: datetime


_WAITING = (InboxState.NEW, InboxState.PARKED)
_MAY_BE_RETRIED = (InboxState.PARKED, InboxState.QUARANTINED)
_IS_QUARANTINED = feedback.c.state == literal(InboxState.QUARANTINED.value, literal_execute=True)
# Spelled out, not bound: only then can the partial indexes be used.
IS_WAITING = feedback.c.state.in_([literal(state.value, literal_execute=True) for state in _WAITING])


_NEW = tuple(NewNotification.__dataclass_fields__)
_PUT_OFF_SETS = tuple(PutOff.__dataclass_fields__)[1:]
_STORE = InsertFree(feedback, _NEW, stamps={"state": literal(InboxState.NEW), "due_at": now(), "received_at": now()})
_FINISH = Update(feedback, ("note",), stamps={"state": literal(InboxState.PROCESSED), "processed_at": now()})
_PUT_OFF = Update(feedback, _PUT_OFF_SETS, stamps={"tries": feedback.c.tries + 1})
_TAKE = (
    select(*(feedback.c[field] for field in Notification.__dataclass_fields__))
    .where(IS_WAITING, feedback.c.due_at <= now())
    .order_by(feedback.c.due_at, feedback.c.id)
    .limit(bindparam("limit", type_=Integer()))
    .with_for_update(skip_locked=True)
)
_ANY_DUE = select(feedback.c.id).where(IS_WAITING, feedback.c.due_at <= now()).limit(1)


def store(connection: Connection, new: Sequence[NewNotification]) -> frozenset[UUID]:
    """Keep notifications with one statement; the ids of those that SNS had not brought before."""
    in_order = sorted(new, key=lambda one: one.sns_message_id)
    return _STORE(connection, [{name: getattr(one, name) for name in _NEW} for one in in_order])


def take(connection: Connection, *, limit: int) -> tuple[Notification, ...]:
    """Due notifications, oldest first, locked until the transaction ends; those of other workers are skipped."""
    return tuple(
        Notification(
            id=row.id,
            sns_message_id=row.sns_message_id,
            raw=row.raw,
            state=InboxState(row.state),
            tries=row.tries,
            received_at=row.received_at,
        )
        for row in connection.execute(_TAKE, {"limit": limit})
    )


def finish(connection: Connection, notes: Mapping[UUID, str | None]) -> None:
    """Mark notifications as processed, each with its note."""
    _FINISH(connection, [{"id": id_, "note": note} for id_, note in notes.items()])


def put_off(connection: Connection, ones: Sequence[PutOff]) -> None:
    """Park notifications until a later look, or quarantine them."""
    _PUT_OFF(connection, [_row(one) for one in ones])


def _row(one: PutOff) -> Row:
    return {"id": one.id, "state": one.state, "due_at": one.due_at, "note": one.note}


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
    return connection.scalar(_ANY_DUE) is not None


def set_aside(connection: Connection, *, limit: int) -> tuple[Waiting, ...]:
    """Quarantined notifications, the newest first."""
    return _waiting(connection, _IS_QUARANTINED, feedback.c.received_at.desc(), limit)


def parked(connection: Connection, *, limit: int) -> tuple[Waiting, ...]:
    """Notifications that wait for a later look, those first that wait longest for it."""
    is_parked = IS_WAITING & (feedback.c.state == InboxState.PARKED)
    return _waiting(connection, is_parked, feedback.c.due_at.desc(), limit)


def find(connection: Connection, notification_id: UUID) -> tuple[Waiting, str] | None:
    """One notification in whatever state, and its raw text."""
    columns = [feedback.c[field] for field in Waiting.__dataclass_fields__]
    query = select(*columns, feedback.c.raw).where(feedback.c.id == notification_id)
    row = connection.execute(query).mappings().first()
    return (_read_waiting(row), row["raw"]) if row else None


def retry(connection: Connection, notification_ids: Iterable[UUID]) -> int:
    """Look again now at parked and quarantined notifications, at the latter as if for the first time; how many."""
    statement = (
        update(feedback)
        .where(feedback.c.id.in_(list(notification_ids)), feedback.c.state.in_(_MAY_BE_RETRIED))
        .values(
            state=case((_IS_QUARANTINED, InboxState.NEW), else_=feedback.c.state),
            tries=case((_IS_QUARANTINED, 0), else_=feedback.c.tries),
            note=case((_IS_QUARANTINED, null()), else_=feedback.c.note),
            due_at=now(),
        )
    )
    return connection.execute(statement).rowcount


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


def _waiting(
    connection: Connection, condition: ColumnElement[bool], order: ColumnElement[Any], limit: int
) -> tuple[Waiting, ...]:
    columns = [feedback.c[field] for field in Waiting.__dataclass_fields__]
    query = select(*columns).where(condition).order_by(order, feedback.c.id).limit(limit)
    return tuple(map(_read_waiting, connection.execute(query).mappings()))


def _read_waiting(row: RowMapping) -> Waiting:
    fields = {field: row[field] for field in Waiting.__dataclass_fields__}
    return Waiting(**fields | {"state": InboxState(row["state"])})
