"""Rows of applications: add, change and find them. It never commits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, update

from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.store.engine.database import now
from app.store.tables.core import apps


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An application that sends email."""

    id: UUID
    name: str
    senders: tuple[str, ...]
    default_lane: str
    reason_optional: bool
    on_unconfirmed: OnUnconfirmed = OnUnconfirmed.RESEND


def add(connection: Connection, app: App) -> None:
    """Add an application."""
    connection.execute(
        insert(apps).values(
            id=app.id,
            name=app.name,
            senders=list(app.senders),
            default_lane=app.default_lane,
            reason_optional=app.reason_optional,
            on_unconfirmed=app.on_unconfirmed,
            created_at=now(),
        )
    )


def change(connection: Connection, name: str, values: Mapping[str, Any]) -> App | None:
    """Change these fields of the application. The changed application; None if there is none of this name."""
    written = {field: list(value) if isinstance(value, tuple) else value for field, value in values.items()}
    changed = connection.execute(update(apps).where(apps.c.name == name).values(written).returning(apps))
    row = changed.one_or_none()
    return read(row) if row else None


def by_name(connection: Connection, name: str) -> App | None:
    """The application of this name."""
    row = connection.execute(select(apps).where(apps.c.name == name)).one_or_none()
    return read(row) if row else None


def read(row: Row[Any]) -> App:
    """The application of a row that has all columns of `apps`, whatever else it has."""
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    return App(
        id=columns[apps.c.id],
        name=columns[apps.c.name],
        senders=tuple(columns[apps.c.senders]),
        default_lane=columns[apps.c.default_lane],
        reason_optional=columns[apps.c.reason_optional],
        on_unconfirmed=OnUnconfirmed(columns[apps.c.on_unconfirmed]),
    )
