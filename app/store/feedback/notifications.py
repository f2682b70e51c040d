"""The inbox of notifications: store once, take a batch, settle or park.

A row is stored before anything is concluded from it, and stays until its retention ends. So no notification is lost
between the answer to SNS and its effect.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
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
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_once

from app.domain.sending.trying import TEST_TOPIC
from app.store.engine.bulk_statements import InsertFree, Row, Update
from app.store.engine.database import now
from app.store.engine.driver_statements import driver_text, one_transaction
from app.store.engine.keyset import page_by_time
from app.store.tables.core import notifications


class InboxState(StrEnum):
    """The state of a notification. `quarantined`: set aside for a person to look at; it delays no other."""

    NEW = "new"
    PARKED = "parked"
    PROCESSED = "processed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotification:
    """One authentic notification to store."""

    id: UUID
    sns_message_id: str
    topic_arn: str
    kind: str
    raw: str
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """A notification that is parked until a later look, or quarantined, and the reason."""

    id: UUID
    state: InboxState
    due_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One authentic notification as it arrived, and when it was taken, by the database's clock."""

    id: UUID
    sns_message_id: str
    topic_arn: str
    raw: str
    state: InboxState
    tries: int
    received_at: datetime
    taken_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notification that is not processed, and the reason."""

    id: UUID
    kind: str
    state: InboxState
    note: str | None
    tries: int
    received_at: datetime
    due_at: datetime


_WAITING = (InboxState.NEW, InboxState.PARKED)
_MAY_BE_RETRIED = (InboxState.PARKED, InboxState.QUARANTINED)


def _is(state: InboxState) -> ColumnElement[bool]:
    """SQL for the state. A literal, not a bound value: only then can the partial indexes be used."""
    return notifications.c.state == literal(state.value, literal_execute=True)


IS_QUARANTINED = _is(InboxState.QUARANTINED)
IS_WAITING = notifications.c.state.in_([literal(state.value, literal_execute=True) for state in _WAITING])
_LISTED = {
    InboxState.QUARANTINED: (IS_QUARANTINED, notifications.c.received_at),
    InboxState.PARKED: (IS_WAITING & _is(InboxState.PARKED), notifications.c.due_at),
    InboxState.NEW: (IS_WAITING & (notifications.c.due_at <= now()), notifications.c.due_at),
}
_WAITING_COLUMNS = [notifications.c[field] for field in Waiting.__dataclass_fields__]


_NEW = tuple(NewNotification.__dataclass_fields__)
_PUT_OFF_SETS = tuple(PutOff.__dataclass_fields__)[1:]
_STAMPS: Final[Row] = {
    "state": literal_column(f"'{InboxState.NEW}'"),
    "due_at": now(),
    "received_at": now(),
}
_STORE = InsertFree(notifications, _NEW, stamps=_STAMPS)
_STORE_BY_STATEMENT: Final = driver_text(
    insert_once(notifications)
    .values({name: bindparam(name, type_=notifications.c[name].type) for name in _NEW} | _STAMPS)
    .on_conflict_do_nothing()
    .returning(notifications.c.id)
)
_FINISH = Update(notifications, ("note",), stamps={"state": literal(InboxState.PROCESSED), "processed_at": now()})
_PUT_OFF = Update(notifications, _PUT_OFF_SETS, stamps={"tries": notifications.c.tries + 1})
_TAKEN = ("id", "sns_message_id", "topic_arn", "raw", "state", "tries", "received_at")
_TAKE = (
    select(*(notifications.c[field] for field in _TAKEN), now().label("taken_at"))
    .where(IS_WAITING, notifications.c.due_at <= now())
    .order_by(notifications.c.due_at, notifications.c.id)
    .limit(bindparam("limit", type_=Integer()))
    .with_for_update(skip_locked=True)
)
_ANY_DUE = select(notifications.c.id).where(IS_WAITING, notifications.c.due_at <= now()).limit(1)


def store(connection: Connection, new: Sequence[NewNotification]) -> frozenset[UUID]:
    """Store notifications with one statement. The ids of those that SNS had not delivered before."""
    return _STORE(connection, _rows(new))


def store_by_statement(cursor: "Cursor[Any]", new: Sequence[NewNotification]) -> frozenset[UUID]:
    """As `store`, and commit, on a cursor of `Database.by_statement`: one alone by one statement, more by one trip.

    None is stored if the database refuses one, which it raises.
    """
    rows = _rows(new)
    if len(rows) == 1:
        return frozenset(row[0] for row in cursor.execute(_STORE_BY_STATEMENT, rows[0]))
    with one_transaction(cursor):
        cursor.executemany(_STORE_BY_STATEMENT, rows, returning=True)
    return frozenset(row[0] for result in cursor.results() for row in result)


def _rows(new: Sequence[NewNotification]) -> list[Row]:
    """The rows in the order in which every transaction inserts them, so that no two wait for each other."""
    in_order = sorted(new, key=lambda one: one.sns_message_id)
    return [{name: getattr(one, name) for name in _NEW} for one in in_order]


def known(connection: Connection, sns_message_ids: Iterable[str]) -> frozenset[str]:
    """Those of these that are stored already."""
    ids = notifications.c.sns_message_id
    return frozenset(connection.scalars(select(ids).where(ids.in_(list(sns_message_ids)))))


def take(connection: Connection, *, limit: int) -> tuple[Notification, ...]:
    """Due notifications, oldest first, locked until the transaction ends. Those locked by other workers are skipped."""
    return tuple(
        Notification(
            id=row.id,
            sns_message_id=row.sns_message_id,
            topic_arn=row.topic_arn,
            raw=row.raw,
            state=InboxState(row.state),
            tries=row.tries,
            received_at=row.received_at,
            taken_at=row.taken_at,
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
    """Make parked notifications due that wait for one of these SES message ids."""
    if ses_message_ids:
        awaited = notifications.c.note.in_([waiting_for(ses_message_id) for ses_message_id in ses_message_ids])
        parked = select(notifications.c.id).where(_is(InboxState.PARKED), awaited)
        in_order = parked.order_by(notifications.c.id).with_for_update().subquery()
        connection.execute(
            update(notifications).where(notifications.c.id.in_(select(in_order.c.id))).values(due_at=now())
        )


def waiting_for(ses_message_id: str) -> str:
    """The note of a notification that is parked until the email with this SES message id is known."""
    return f"waits for {ses_message_id}"


def has_due(connection: Connection) -> bool:
    """Whether any notification is due."""
    return connection.scalar(_ANY_DUE) is not None


def set_aside(connection: Connection, *, limit: int) -> tuple[Waiting, ...]:
    """Quarantined notifications, the newest first."""
    return page(connection, InboxState.QUARANTINED, limit=limit)


def parked(connection: Connection, *, limit: int) -> tuple[Waiting, ...]:
    """Parked notifications, the longest put off first."""
    return page(connection, InboxState.PARKED, limit=limit)


def page(
    connection: Connection, state: InboxState, *, limit: int, after: UUID | None = None, before: UUID | None = None
) -> tuple[Waiting, ...]:
    """Up to `limit` quarantined ones, the newest first, parked ones, the longest put off first, or `NEW`: due ones."""
    condition, time = _LISTED[state]
    query = select(*_WAITING_COLUMNS).where(condition)
    rows = page_by_time(connection, query, time, notifications.c.id, limit=limit, after=after, before=before)
    return tuple(map(_read_waiting, rows))


def unsettled_about(connection: Connection, ses_message_id: str) -> Waiting | None:
    """A notification about this SES message that is not settled: due, parked or quarantined."""
    names_it = notifications.c.raw.contains(ses_message_id, autoescape=True)
    for which in (IS_WAITING, IS_QUARANTINED):
        query = select(*_WAITING_COLUMNS).where(which & names_it).order_by(notifications.c.received_at).limit(1)
        row = connection.execute(query).mappings().first()
        if row is not None:
            return _read_waiting(row)
    return None


def find(connection: Connection, notification_id: UUID) -> tuple[Waiting, str] | None:
    """One notification in any state, and its raw text."""
    query = select(*_WAITING_COLUMNS, notifications.c.raw).where(notifications.c.id == notification_id)
    row = connection.execute(query).mappings().first()
    return (_read_waiting(row), row["raw"]) if row else None


def raw_of(connection: Connection, notification_ids: Collection[UUID]) -> dict[UUID, str]:
    """The raw text of each of these notifications that still exists."""
    query = select(notifications.c.id, notifications.c.raw).where(notifications.c.id.in_(list(notification_ids)))
    return dict(connection.execute(query).all())


def retry(connection: Connection, notification_ids: Iterable[UUID]) -> int:
    """Make parked and quarantined notifications due; quarantined ones start anew. How many."""
    statement = (
        update(notifications)
        .where(notifications.c.id.in_(list(notification_ids)), notifications.c.state.in_(_MAY_BE_RETRIED))
        .values(
            state=case((IS_QUARANTINED, InboxState.NEW), else_=notifications.c.state),
            tries=case((IS_QUARANTINED, 0), else_=notifications.c.tries),
            note=case((IS_QUARANTINED, null()), else_=notifications.c.note),
            due_at=now(),
        )
    )
    return connection.execute(statement).rowcount


def last_received(connection: Connection) -> datetime | None:
    """When the newest one came from SNS; None if there is none. Ids contain their time, so it has the largest."""
    of_sns = select(notifications.c.received_at).where(notifications.c.topic_arn != TEST_TOPIC)
    return connection.scalar(of_sns.order_by(notifications.c.id.desc()).limit(1))


def unread(connection: Connection, *, limit: int) -> int:
    """How many notifications have not been looked at yet, counted up to `limit` among those that wait."""
    new = select(notifications.c.id).where(IS_WAITING, _is(InboxState.NEW)).limit(limit).subquery()
    return connection.scalar(select(func.count()).select_from(new)) or 0


def erase(connection: Connection, *, received_before: datetime, limit: int) -> int:
    """Delete up to `limit` processed notifications past their retention, the oldest first. How many."""
    old = (
        select(notifications.c.id)
        .where(_is(InboxState.PROCESSED), notifications.c.received_at < received_before)
        .order_by(notifications.c.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = connection.scalars(old).all()
    connection.execute(delete(notifications).where(notifications.c.id.in_(found)))
    return len(found)


def _read_waiting(row: RowMapping) -> Waiting:
    fields = {field: row[field] for field in Waiting.__dataclass_fields__}
    return Waiting(**fields | {"state": InboxState(row["state"])})
