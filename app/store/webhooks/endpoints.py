"""Rows of endpoints: add, change, claim and release them.

An endpoint is claimed as a whole, by a lease with a token: one process calls it at a time. A claim looks at endpoints,
and for each with one search whether a delivery is due, so it costs the same however many deliveries wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    bindparam,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from app.domain.webhooks.formats import EndpointFormat
from app.domain.webhooks.retries import DeliveryState
from app.store.engine.database import ahead, now
from app.store.engine.keyset import page_of
from app.store.tables.core import apps, webhook_deliveries, webhook_endpoints

LEASE_S: Final = 60
"""How long a claim holds an endpoint; after that another process may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint. It is disabled since `disabled_at`; `failing_since` is its first failed call since a success."""

    id: UUID
    app_id: UUID
    app: str
    url: str
    events: tuple[str, ...]
    description: str | None
    format: EndpointFormat
    failures: int
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str | None
    created_at: datetime


_FIELDS = tuple(Endpoint.__dataclass_fields__)
_LIVE = webhook_endpoints.c.deleted_at.is_(None)
_FREE = or_(webhook_endpoints.c.lease_until.is_(None), webhook_endpoints.c.lease_until <= now())
_HAS_DUE = (
    select(literal(1))
    .where(
        webhook_deliveries.c.endpoint_id == webhook_endpoints.c.id,
        webhook_deliveries.c.state == literal(DeliveryState.WAITING.value, literal_execute=True),
        webhook_deliveries.c.due_at <= now(),
    )
    .exists()
)
_CLAIMABLE = (_LIVE, webhook_endpoints.c.disabled_at.is_(None), webhook_endpoints.c.due_at <= now(), _FREE, _HAS_DUE)
_ANY_DUE = select(webhook_endpoints.c.id).where(*_CLAIMABLE).limit(1)
_CLAIMED_FIRST = (
    select(webhook_endpoints.c.id)
    .where(*_CLAIMABLE)
    .order_by(webhook_endpoints.c.due_at)
    .limit(bindparam("limit", type_=Integer()))
    .with_for_update(skip_locked=True)
)


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Add an endpoint, enabled."""
    connection.execute(insert(webhook_endpoints).values(**values, due_at=now(), created_at=now()))


def find(connection: Connection, endpoint_id: UUID, *, app_id: UUID | None, lock: bool = False) -> Endpoint | None:
    """One endpoint of this application, or of any if `app_id` is None."""
    query = _endpoints(app_id).where(webhook_endpoints.c.id == endpoint_id)
    if lock:
        query = query.with_for_update(of=webhook_endpoints)
    row = connection.execute(query).mappings().one_or_none()
    return _read(row) if row else None


def page(
    connection: Connection, *, app_id: UUID | None, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Endpoint, ...]:
    """Up to `limit` endpoints, newest first: those older than `after`, or the nearest ones newer than `before`."""
    query = _endpoints(app_id)
    rows = page_of(connection, query, webhook_endpoints.c.id, limit=limit, after=after, before=before)
    return tuple(map(_read, rows))


def count(connection: Connection, app_id: UUID) -> int:
    """How many endpoints an application has."""
    query = select(func.count()).where(webhook_endpoints.c.app_id == app_id, _LIVE)
    return connection.scalar(query) or 0


_ANEW: Final[Mapping[str, Any]] = {"failures": 0, "failing_since": null(), "due_at": now()}


def change(connection: Connection, endpoint_id: UUID, values: Mapping[str, Any]) -> None:
    """Set columns of an endpoint."""
    connection.execute(_update(endpoint_id).values(**values))


def enable(connection: Connection, endpoint_id: UUID) -> None:
    """Enable an endpoint, and begin anew with it."""
    change(connection, endpoint_id, {"disabled_at": null(), "disabled_why": null(), **_ANEW})


def begin_anew(connection: Connection, endpoint_id: UUID) -> None:
    """Count the failures of an endpoint anew, and let it be called at once: it may be another one than before."""
    change(connection, endpoint_id, _ANEW)


def call_now(connection: Connection, endpoint_id: UUID) -> None:
    """Let an endpoint be called at once, however long it has to wait: a person asks for it."""
    change(connection, endpoint_id, {"due_at": now()})


def disable(connection: Connection, endpoint_id: UUID, *, why: str) -> None:
    """Disable an endpoint: it gets no new events, and its deliveries wait."""
    change(connection, endpoint_id, {"disabled_at": now(), "disabled_why": why})


def delete(connection: Connection, endpoint_id: UUID) -> None:
    """Mark an endpoint as deleted. Its deliveries stay, and nothing more is sent."""
    change(connection, endpoint_id, {"deleted_at": now()})


def has_due(connection: Connection) -> bool:
    """Whether any endpoint can be claimed."""
    return connection.scalar(_ANY_DUE) is not None


def claim(connection: Connection, token: UUID, *, limit: int) -> tuple[Endpoint, ...]:
    """Claim up to `limit` endpoints with due deliveries, those that waited longest first."""
    ids = list(connection.scalars(_CLAIMED_FIRST, {"limit": limit}))
    if not ids:
        return ()
    leased = {"lease_token": token, "lease_until": ahead(LEASE_S)}
    connection.execute(update(webhook_endpoints).where(webhook_endpoints.c.id.in_(ids)).values(leased))
    rows = connection.execute(_endpoints(None).where(webhook_endpoints.c.id.in_(ids))).mappings()
    return tuple(map(_read, rows))


def hold(connection: Connection, endpoint_id: UUID, token: UUID) -> Endpoint | None:
    """The endpoint as it is now, locked; None if this claim no longer holds it, or it was deleted."""
    is_held = (webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.lease_token == token)
    query = _endpoints(None).where(*is_held).with_for_update(of=webhook_endpoints)
    row = connection.execute(query).mappings().one_or_none()
    return _read(row) if row else None


def succeeded(connection: Connection, endpoint_id: UUID) -> None:
    """Note that the endpoint has taken an event."""
    change(connection, endpoint_id, {"failures": 0, "failing_since": null()})


def failed(connection: Connection, endpoint_id: UUID, *, wait_s: float | None) -> None:
    """Note a failed call. With `wait_s`, the endpoint is in trouble and is left alone for so long."""
    values: dict[str, Any] = {"failing_since": func.coalesce(webhook_endpoints.c.failing_since, now())}
    if wait_s is not None:
        values |= {"failures": webhook_endpoints.c.failures + 1, "due_at": ahead(wait_s)}
    change(connection, endpoint_id, values)


def release(connection: Connection, endpoint_id: UUID, token: UUID, *, wait_s: float) -> None:
    """End a claim, if it still holds the endpoint. It is not claimed again for `wait_s`."""
    due_at = func.max if connection.dialect.name == "sqlite" else func.greatest
    mine = _update(endpoint_id).where(webhook_endpoints.c.lease_token == token)
    later = due_at(webhook_endpoints.c.due_at, ahead(wait_s))
    connection.execute(mine.values(lease_token=null(), lease_until=null(), due_at=later))


def _update(endpoint_id: UUID) -> Any:
    return update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)


def _endpoints(app_id: UUID | None) -> Select[Any]:
    columns: list[ColumnElement[Any]] = [
        apps.c.name.label("app") if name == "app" else webhook_endpoints.c[name] for name in _FIELDS
    ]
    query = select(*columns).join(apps, apps.c.id == webhook_endpoints.c.app_id).where(_LIVE)
    return query if app_id is None else query.where(webhook_endpoints.c.app_id == app_id)


def _read(row: RowMapping) -> Endpoint:
    return Endpoint(**{**row, "events": tuple(row["events"]), "format": EndpointFormat(row["format"])})
