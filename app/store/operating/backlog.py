"""Backlogs, each counted up to a limit by an index: cheap however long they are.

The question is how bad it is, and above ten thousand it is bad. Nothing here locks or changes a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.store.engine.database import now
from app.store.feedback.notifications import InboxState
from app.store.tables.core import apps, notifications, recipients


@dataclass(frozen=True, slots=True)
class Due:
    """How many rows are due, up to the limit, and since when the oldest of them."""

    count: int
    since: datetime | None


def email(connection: Connection, lane: str, *, limit: int) -> Due:
    """Due email of a lane, whether a circuit is open or not; by application, as the index has it."""
    is_due = (_is(recipients.c.state, _CLAIMABLE), recipients.c.lane == lane, recipients.c.due_at <= now())
    of_one = select(recipients.c.due_at).where(*is_due, recipients.c.app_id == apps.c.id)
    oldest = of_one.order_by(recipients.c.due_at).limit(1).scalar_subquery()
    since = {row.id: row.since for row in connection.execute(select(apps.c.id, oldest.label("since"))) if row.since}
    rows = select(recipients.c.app_id).where(*is_due, recipients.c.app_id.in_(list(since)))
    return Due(_count(connection, rows, limit), min(since.values(), default=None))


def in_state(connection: Connection, state: State, *, limit: int) -> int:
    """How many recipients are `unconfirmed` or `held`. No other state has an index that can be counted."""
    return _count(connection, select(recipients.c.id).where(_is(recipients.c.state, [state])), limit)


def waiting(connection: Connection, *, besides_domain: str, limit: int) -> int:
    """Recipients that are still to be written to by SES, due or not, outside this domain."""
    is_outside = recipients.c.key.not_like(f"%@{besides_domain}") & (recipients.c.lane != TEST_LANE)
    return _count(connection, select(recipients.c.id).where(_is(recipients.c.state, _CLAIMABLE), is_outside), limit)


def due_notifications(connection: Connection, *, limit: int) -> Due:
    """Notifications that are due."""
    is_due = (_is(notifications.c.state, _WAITING), notifications.c.due_at <= now())
    oldest = select(notifications.c.due_at).where(*is_due).order_by(notifications.c.due_at).limit(1)
    return Due(_count(connection, select(notifications.c.id).where(*is_due), limit), connection.scalar(oldest))


def parked(connection: Connection, *, limit: int) -> int:
    """Parked notifications."""
    is_parked = (_is(notifications.c.state, _WAITING), notifications.c.due_at > now())
    return _count(connection, select(notifications.c.id).where(*is_parked), limit)


def quarantined(connection: Connection, *, limit: int) -> int:
    """Quarantined notifications."""
    return _count(
        connection, select(notifications.c.id).where(_is(notifications.c.state, [InboxState.QUARANTINED])), limit
    )


_CLAIMABLE = (State.SCHEDULED, State.QUEUED, State.RETRY_WAIT)
_WAITING = (InboxState.NEW, InboxState.PARKED)


def _is(state: ColumnElement[str], states: Sequence[State] | Sequence[InboxState]) -> ColumnElement[bool]:
    """SQL for the states. Literals in the order of the models: only then can the partial indexes be used."""
    if len(states) == 1:
        return state == literal(states[0].value, literal_execute=True)
    return state.in_([literal(one.value, literal_execute=True) for one in states])


def _count(connection: Connection, rows: Select[Any], limit: int) -> int:
    return connection.scalar(select(func.count()).select_from(rows.limit(limit).subquery())) or 0
