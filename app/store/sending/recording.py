"""One glance of a worker that records, in one statement: the time, and whether anything waits for an answer of SES.

It tells whether there is something to do, so that the statements that would do it run only then. It decides nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, exists, literal, select

from app.store.db import now
from app.store.inbox import IS_WAITING, InboxState
from app.store.models import circuits, feedback

_AUTOMATIC_CIRCUIT = exists().where(circuits.c.probe_at.is_not(None))
# The first condition is implied by the second; it is the one that the partial index is of.
_PARKED_NEWS = exists().where(IS_WAITING, feedback.c.state == literal(InboxState.PARKED.value, literal_execute=True))
_GLANCE: Final = select(
    now().label("now"), _AUTOMATIC_CIRCUIT.label("circuits_open"), _PARKED_NEWS.label("news_parked")
)


@dataclass(frozen=True, slots=True)
class Glance:
    """The database's clock; whether a circuit is open that acceptance closes; whether a notification is parked."""

    now: datetime
    circuits_open: bool
    news_parked: bool


def glance(connection: Connection) -> Glance:
    """Look."""
    row = connection.execute(_GLANCE).one()
    return Glance(now=row.now, circuits_open=bool(row.circuits_open), news_parked=bool(row.news_parked))
