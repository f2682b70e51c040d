"""Rows of deliveries: which are due, what became of each call, lists of them, and replays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Integer,
    RowMapping,
    Select,
    Uuid,
    and_,
    bindparam,
    func,
    insert,
    literal,
    null,
    select,
    update,
)

from app.domain.webhooks.retries import KEEPS_ORDER, DeliveryState
from app.store.engine.bulk_statements import Update
from app.store.engine.database import now
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of, new_id
from app.store.engine.keyset import page_of
from app.store.tables.core import apps, webhook_attempts, webhook_deliveries, webhook_endpoints, webhook_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One delivery that is due: its message, what that is about, and how often it was tried.

    `tries` begins anew when it is replayed, and `attempts` does not.
    """

    id: UUID
    message_id: UUID
    about_id: UUID
    attempts: int
    tries: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one endpoint."""

    id: UUID
    endpoint_id: UUID
    message_id: UUID
    type: str
    email_id: UUID | None
    recipient_id: UUID | None
    state: DeliveryState
    attempts: int
    due_at: datetime
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDelivery(Delivery):
    """A delivery that has failed, its endpoint, and what the last call for it brought."""

    app: str
    url: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttempt:
    """One call of an endpoint and its result."""

    delivery_id: UUID
    number: int
    outcome: str
    status: int | None
    detail: str
    response: str
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(NewAttempt):
    """A call as it is stored, with its time."""

    id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A delivery that was not taken, and what becomes of it."""

    id: UUID
    state: DeliveryState
    due_at: datetime
    attempts: int
    tries: int


def _is(state: DeliveryState) -> Any:
    """SQL for the state. A literal, not a bound value: only then can the partial indexes be used."""
    return webhook_deliveries.c.state == literal(state.value, literal_execute=True)


_WAITS = _is(DeliveryState.WAITING)
_STILL_WAITS = webhook_deliveries.c.state == DeliveryState.WAITING.value
_EARLIER = webhook_deliveries.alias("earlier")
# An event about the same thing that failed a few times and is put off.
_HELD_BACK = (
    select(literal(1))
    .where(
        _EARLIER.c.about_id == webhook_deliveries.c.about_id,
        _EARLIER.c.endpoint_id == webhook_deliveries.c.endpoint_id,
        _EARLIER.c.state == literal(DeliveryState.WAITING.value, literal_execute=True),
        _EARLIER.c.id < webhook_deliveries.c.id,
        _EARLIER.c.tries.between(1, KEEPS_ORDER),
        _EARLIER.c.due_at > now(),
    )
    .exists()
)
_DUE = (
    select(*(webhook_deliveries.c[name] for name in Due.__dataclass_fields__))
    .where(
        webhook_deliveries.c.endpoint_id == bindparam("endpoint_id", type_=Uuid()),
        _WAITS,
        webhook_deliveries.c.due_at <= now(),
        ~_HELD_BACK,
    )
    .order_by(webhook_deliveries.c.due_at, webhook_deliveries.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
_LAST_DETAIL = (
    select(webhook_attempts.c.detail)
    .where(webhook_attempts.c.delivery_id == webhook_deliveries.c.id)
    .order_by(webhook_attempts.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_OF_MESSAGE = ("type", "email_id", "recipient_id")
_COLUMNS = [
    (webhook_messages if name in _OF_MESSAGE else webhook_deliveries).c[name] for name in Delivery.__dataclass_fields__
]
_WITH_MESSAGE = select(*_COLUMNS).join(webhook_messages, webhook_messages.c.id == webhook_deliveries.c.message_id)
_WITH_ENDPOINT = (
    _WITH_MESSAGE.add_columns(
        apps.c.name.label("app"), webhook_endpoints.c.url, func.coalesce(_LAST_DETAIL, "").label("detail")
    )
    .join(webhook_endpoints, webhook_endpoints.c.id == webhook_deliveries.c.endpoint_id)
    .join(apps, apps.c.id == webhook_endpoints.c.app_id)
)
_LIVE_ENDPOINTS = select(webhook_endpoints.c.id).where(webhook_endpoints.c.deleted_at.is_(None))
_DELIVERED = Update(
    webhook_deliveries,
    ("attempts",),
    stamps={"state": literal(DeliveryState.DELIVERED.value), "ended_at": now()},
    only=lambda _: _STILL_WAITS,
)
_RETRY = Update(webhook_deliveries, ("state", "due_at", "attempts", "tries"), stamps={}, only=lambda _: _STILL_WAITS)
_ADD_ATTEMPTS = insert(webhook_attempts).values(at=now())


def due(connection: Connection, endpoint_id: UUID, *, limit: int) -> tuple[Due, ...]:
    """Up to `limit` due deliveries of an endpoint, oldest first.

    An event waits while an earlier one about the same thing is put off, for its first few tries.
    """
    rows = connection.execute(_DUE, {"endpoint_id": endpoint_id, "limit": limit})
    return tuple(Due(**row) for row in rows.mappings())


def deliver(connection: Connection, taken: Sequence[Due]) -> None:
    """Note that the endpoint took these. One that ended already stays as it is."""
    _DELIVERED(connection, [{"id": one.id, "attempts": one.attempts + 1} for one in taken])


def put_off(connection: Connection, retries: Sequence[Retry]) -> None:
    """Put off or end deliveries that were not taken."""
    rows = [{name: getattr(one, name) for name in Retry.__dataclass_fields__} for one in retries]
    _RETRY(connection, [row | {"state": row["state"].value} for row in rows])
    failed = [one.id for one in retries if one.state is DeliveryState.FAILED]
    if failed:
        ended = update(webhook_deliveries).where(webhook_deliveries.c.id.in_(failed))
        connection.execute(ended.values(ended_at=now()))


def note_attempts(connection: Connection, attempts: Sequence[NewAttempt]) -> None:
    """Note calls and their results."""
    rows = [
        {"id": new_id()} | {name: getattr(one, name) for name in NewAttempt.__dataclass_fields__} for one in attempts
    ]
    if rows:
        connection.execute(_ADD_ATTEMPTS, rows)


def find(connection: Connection, delivery_id: UUID, *, endpoint_id: UUID) -> Delivery | None:
    """One delivery of this endpoint."""
    query = _deliveries(endpoint_id).where(webhook_deliveries.c.id == delivery_id)
    row = connection.execute(query).mappings().one_or_none()
    return _read(row) if row else None


def page(
    connection: Connection,
    endpoint_id: UUID,
    *,
    state: DeliveryState | None,
    limit: int,
    after: UUID | None,
    before: UUID | None,
) -> tuple[Delivery, ...]:
    """Up to `limit` deliveries of an endpoint, newest first."""
    query = _deliveries(endpoint_id)
    if state is not None:
        query = query.where(webhook_deliveries.c.state == state.value)
    rows = page_of(connection, query, webhook_deliveries.c.id, limit=limit, after=after, before=before)
    return tuple(map(_read, rows))


def count(connection: Connection, endpoint_id: UUID, state: DeliveryState, *, at_most: int) -> int:
    """How many deliveries of an endpoint are in this state. It counts no more than `at_most`."""
    some = select(literal(1)).where(webhook_deliveries.c.endpoint_id == endpoint_id, _is(state)).limit(at_most)
    return connection.scalar(select(func.count()).select_from(some.subquery())) or 0


def failed(
    connection: Connection, *, app: str | None, limit: int, after: UUID | None, before: UUID | None
) -> tuple[FailedDelivery, ...]:
    """Up to `limit` failed deliveries of the endpoints that are not deleted, newest first."""
    live = _LIVE_ENDPOINTS
    if app is not None:
        live = live.where(webhook_endpoints.c.app_id == select(apps.c.id).where(apps.c.name == app).scalar_subquery())
    # The ids alone first, without a join: then their index gives them in order, whatever the planner believes.
    failed_ones = select(webhook_deliveries.c.id).where(
        _is(DeliveryState.FAILED), webhook_deliveries.c.endpoint_id.in_(list(connection.scalars(live)))
    )
    found = page_of(connection, failed_ones, webhook_deliveries.c.id, limit=limit, after=after, before=before)
    these = webhook_deliveries.c.id.in_([row["id"] for row in found])
    rows = connection.execute(_WITH_ENDPOINT.where(these).order_by(webhook_deliveries.c.id.desc())).mappings()
    return tuple(FailedDelivery(**{**row, "state": DeliveryState(row["state"])}) for row in rows)


def attempts_of(connection: Connection, delivery_id: UUID) -> tuple[Attempt, ...]:
    """The calls for a delivery, oldest first."""
    columns = [webhook_attempts.c[name] for name in Attempt.__dataclass_fields__]
    query = select(*columns).where(webhook_attempts.c.delivery_id == delivery_id).order_by(webhook_attempts.c.id)
    return tuple(Attempt(**row) for row in connection.execute(query).mappings())


def replay(connection: Connection, delivery_ids: Collection[UUID]) -> int:
    """Make these deliveries due again, with all their tries; return how many."""
    anew = {"state": DeliveryState.WAITING.value, "due_at": now(), "tries": 0, "ended_at": null()}
    these = update(webhook_deliveries).where(webhook_deliveries.c.id.in_(list(delivery_ids)))
    return connection.execute(these.values(anew)).rowcount


def of_period(
    connection: Connection,
    endpoint_id: UUID,
    *,
    state: DeliveryState | None,
    since: datetime,
    until: datetime,
    after: UUID | None,
    limit: int,
) -> tuple[UUID, ...]:
    """Up to `limit` deliveries of an endpoint that were created in this period, oldest first, behind `after`."""
    id_, created_at = webhook_deliveries.c.id, webhook_deliveries.c.created_at
    # An id contains its time, so the period bounds the ids too, and the index with them.
    ids = and_(id_ >= first_id_of(since - CLOCKS_DIFFER_BY), id_ < first_id_of(until + CLOCKS_DIFFER_BY))
    period = and_(created_at >= since, created_at < until)
    query = select(id_).where(webhook_deliveries.c.endpoint_id == endpoint_id, ids, period)
    if state is not None:
        query = query.where(webhook_deliveries.c.state == state.value)
    if after is not None:
        query = query.where(id_ > after)
    return tuple(connection.scalars(query.order_by(id_).limit(limit)))


def _deliveries(endpoint_id: UUID) -> Select[Any]:
    return _WITH_MESSAGE.where(webhook_deliveries.c.endpoint_id == endpoint_id)


def _read(row: RowMapping) -> Delivery:
    return Delivery(**{**row, "state": DeliveryState(row["state"])})
