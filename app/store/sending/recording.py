"""What a worker needs before it records, in one statement: the time, and whether anything waits for a result.

It shows whether there is anything to do, so that the statements for that run only then. It decides nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, exists, literal, select

from app.store.engine.database import now
from app.store.feedback.notifications import IS_WAITING, InboxState
from app.store.tables.core import circuits, notifications

_AUTOMATIC_CIRCUIT = exists().where(circuits.c.probe_at.is_not(None))
# The second condition implies the first, which is the one of the partial index.
_PARKED_NOTIFICATION = exists().where(
    IS_WAITING, notifications.c.state == literal(InboxState.PARKED.value, literal_execute=True)
)
_BEFORE_RECORDING: Final = select(
    now().label("now"), _AUTOMATIC_CIRCUIT.label("circuits_open"), _PARKED_NOTIFICATION.label("notification_parked")
)


@dataclass(frozen=True, slots=True)
class BeforeRecording:
    """The database's clock; whether a circuit is open that acceptance closes; whether a notification is parked."""

    now: datetime
    circuits_open: bool
    notification_parked: bool


def look_before_recording(connection: Connection) -> BeforeRecording:
    """Look."""
    row = connection.execute(_BEFORE_RECORDING).one()
    return BeforeRecording(
        now=row.now, circuits_open=bool(row.circuits_open), notification_parked=bool(row.notification_parked)
    )
