"""What an operator was alerted to: one row for each incident and circuit that was announced, until it is over."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, select

from app.store.engine.database import add_once
from app.store.engine.ids import new_id
from app.store.tables.core import alerts


@dataclass(frozen=True, slots=True)
class Concern:
    """What an alert is about: an incident's kind and subject, or `circuit` and its scope."""

    kind: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert that is open."""

    id: UUID
    concern: Concern
    opened_at: datetime


def all_open(connection: Connection) -> tuple[Alert, ...]:
    """The alerts that were announced and are not over."""
    query = select(alerts).order_by(alerts.c.id)
    return tuple(
        Alert(id=row.id, concern=Concern(row.kind, row.subject), opened_at=row.opened_at)
        for row in connection.execute(query)
    )


def open_alert(connection: Connection, concern: Concern, *, opened_at: datetime) -> bool:
    """Note an alert; False if it is open already, also if another process has just noted it."""
    return add_once(connection, alerts, id=new_id(), kind=concern.kind, subject=concern.subject, opened_at=opened_at)


def close_alert(connection: Connection, alert_id: UUID) -> bool:
    """End an alert; False if it is over already."""
    return connection.execute(delete(alerts).where(alerts.c.id == alert_id)).rowcount == 1
