"""The counts of applications with limits, one row for each. It never commits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, select, update

from app.domain.apps.limits import UNUSED, Usage, Window
from app.store.engine.database import add_once, now
from app.store.tables.core import app_usage

_LONG_AGO: Final = UNUSED.second.began
_NOTHING: Final = {"second_began": _LONG_AGO, "in_second": 0, "day_began": _LONG_AGO, "in_day": 0}
_HELD: Final = (
    select(app_usage, now().label("now"))
    .where(app_usage.c.app_id.in_(bindparam("app_ids", expanding=True)))
    .order_by(app_usage.c.app_id)
    .with_for_update()
)
_SAVED: Final = update(app_usage).where(app_usage.c.app_id == bindparam("of_app"))


def hold(connection: Connection, app_ids: Sequence[UUID]) -> tuple[dict[UUID, Usage], datetime]:
    """The usage of these applications, locked until the transaction ends, and the database's clock.

    They are locked in the order of their ids. An application of which nothing was counted yet gets its row.
    """
    rows = _rows(connection, app_ids)
    missing = sorted(set(app_ids) - {row.app_id for row in rows})
    if missing:
        for app_id in missing:
            add_once(connection, app_usage, app_id=app_id, **_NOTHING)
        rows = _rows(connection, app_ids)
    return {row.app_id: _usage(row) for row in rows}, rows[0].now


def save(connection: Connection, usages: Mapping[UUID, Usage]) -> None:
    """Write the usage of applications that this transaction holds."""
    values = [
        {
            "of_app": app_id,
            "second_began": usage.second.began,
            "in_second": usage.second.accepted,
            "day_began": usage.day.began,
            "in_day": usage.day.accepted,
        }
        for app_id, usage in usages.items()
    ]
    connection.execute(_SAVED, values)


def find(connection: Connection, app_id: UUID) -> Usage:
    """The usage of an application."""
    row = connection.execute(select(app_usage).where(app_usage.c.app_id == app_id)).one_or_none()
    return _usage(row) if row else UNUSED


def _rows(connection: Connection, app_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return connection.execute(_HELD, {"app_ids": list(app_ids)}).all()


def _usage(row: Row[Any]) -> Usage:
    return Usage(Window(row.second_began, row.in_second), Window(row.day_began, row.in_day))
