"""Which lanes of an application are paused, since when and why; and its budget, whose lines do that."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, case, null, select, update

from app.store.engine.database import now
from app.store.tables.core import apps

Json = dict[str, Any]

_BULK, _OTHERS = "bulk", "transactional"
_COLUMNS = {_BULK: apps.c.bulk_paused_at, _OTHERS: apps.c.transactional_paused_at}
LANES = tuple(_COLUMNS)
"""Every lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppBudget:
    """The budget of an application, as far as it differs from the default, and the lanes that are paused.

    `budget_from` is what had been spent when it was last resumed; None if it never was.
    """

    id: UUID
    name: str
    budget: Json | None
    budget_from: Json | None
    paused: tuple[str, ...]
    paused_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedLane:
    """One lane of an application that is paused."""

    app: str
    lane: str
    reason: str
    since: datetime


def goes_on(lane: ColumnElement[str]) -> ColumnElement[bool]:
    """SQL: whether email of this lane of an application may be claimed."""
    return case((lane == _BULK, apps.c.bulk_paused_at), else_=apps.c.transactional_paused_at).is_(None)


def is_paused(connection: Connection, app_id: UUID, lane: str) -> bool:
    """Whether this lane of an application is paused."""
    return connection.scalar(select(_COLUMNS.get(lane, _COLUMNS[_OTHERS])).where(apps.c.id == app_id)) is not None


def paused_lanes(connection: Connection) -> tuple[PausedLane, ...]:
    """Every lane of an application that is paused, by the name of the application."""
    any_paused = apps.c.bulk_paused_at.is_not(None) | apps.c.transactional_paused_at.is_not(None)
    rows = connection.execute(select(apps.c.name, apps.c.paused_reason, *_COLUMNS.values()).where(any_paused))
    found = (
        PausedLane(app=row.name, lane=lane, reason=row.paused_reason or "", since=since)
        for row in rows
        for lane, column in _COLUMNS.items()
        if (since := row._mapping[column.name]) is not None  # noqa: SLF001 - SQLAlchemy's public name
    )
    return tuple(sorted(found, key=lambda one: (one.app, one.lane)))


def budgets(connection: Connection) -> tuple[AppBudget, ...]:
    """Every application with its budget."""
    return tuple(map(_budget, connection.execute(select(apps).order_by(apps.c.name))))


def budget_of(connection: Connection, app_id: UUID) -> AppBudget:
    """This application with its budget."""
    return _budget(connection.execute(select(apps).where(apps.c.id == app_id)).one())


def lock_budget(connection: Connection, app_id: UUID) -> AppBudget:
    """The same, which nothing else changes until the transaction ends. Emails of it are accepted meanwhile."""
    query = select(apps).where(apps.c.id == app_id).with_for_update(key_share=True)
    return _budget(connection.execute(query).one())


def set_budget(connection: Connection, app_id: UUID, budget: Json | None) -> None:
    """Store a budget; None for the default."""
    connection.execute(update(apps).where(apps.c.id == app_id).values(budget=null() if budget is None else budget))


def pause(connection: Connection, app_id: UUID, lanes: Collection[str], *, reason: str) -> None:
    """Pause these lanes of the application."""
    since = {_COLUMNS[lane].name: now() for lane in lanes}
    connection.execute(update(apps).where(apps.c.id == app_id).values(paused_reason=reason, **since))


def resume(connection: Connection, app_id: UUID, *, budget_from: Json) -> None:
    """End the pauses of the application, and note what had been spent by then."""
    none_paused = {column.name: null() for column in _COLUMNS.values()}
    values = {"paused_reason": null(), "budget_from": budget_from, **none_paused}
    connection.execute(update(apps).where(apps.c.id == app_id).values(values))


def _budget(row: Row[Any]) -> AppBudget:
    return AppBudget(
        id=row.id,
        name=row.name,
        budget=row.budget,
        budget_from=row.budget_from,
        paused=tuple(lane for lane, column in _COLUMNS.items() if row._mapping[column.name] is not None),  # noqa: SLF001
        paused_reason=row.paused_reason,
    )
