"""The positions of work that takes hours, and its process: one at a time, as long as its lease.

This module decides which process holds a cursor. What the state means is up to that process.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from app.store.engine.database import add_once, clock, now
from app.store.tables.core import cursors

Json = dict[str, Any]
_HOLDER, _UNTIL = "holder", "held_until"


def read(connection: Connection, name: str) -> Json:
    """The state as last stored; empty if there is none."""
    state: Json | None = connection.scalar(select(cursors.c.state).where(cursors.c.name == name))
    return state or {}


def lock(connection: Connection, name: str) -> Json:
    """The state, which nothing else changes until the transaction ends; empty if there is none."""
    add_once(connection, cursors, name=name, state={}, updated_at=now())
    return _locked(connection, name)


def write(connection: Connection, name: str, state: Json) -> None:
    """Store the state of a cursor that is locked."""
    _write(connection, name, state)


def take(connection: Connection, name: str, *, holder: UUID, lease: timedelta) -> Json | None:
    """The state, held by this holder from now on; None while the lease of another holder runs."""
    add_once(connection, cursors, name=name, state={}, updated_at=now())
    state = _locked(connection, name)
    moment = clock(connection)
    if state.get(_HOLDER) not in {None, str(holder)} and datetime.fromisoformat(state[_UNTIL]) > moment:
        return None
    _write(connection, name, {**state, **_lease_state(holder, moment + lease)})
    return state


def keep(connection: Connection, name: str, state: Json, *, holder: UUID, lease: timedelta) -> bool:
    """Store the position and renew the lease. False, with nothing stored, if another holder took over."""
    if _locked(connection, name).get(_HOLDER) != str(holder):
        return False
    _write(connection, name, {**state, **_lease_state(holder, clock(connection) + lease)})
    return True


def free(connection: Connection, name: str, *, holder: UUID) -> None:
    """Release the cursor, if this holder still has it."""
    state = _locked(connection, name)
    if state.get(_HOLDER) == str(holder):
        _write(connection, name, {key: value for key, value in state.items() if key not in {_HOLDER, _UNTIL}})


def _locked(connection: Connection, name: str) -> Json:
    state: Json | None = connection.scalar(select(cursors.c.state).where(cursors.c.name == name).with_for_update())
    return state or {}


def _write(connection: Connection, name: str, state: Json) -> None:
    connection.execute(update(cursors).where(cursors.c.name == name).values(state=state, updated_at=now()))


def _lease_state(holder: UUID, until: datetime) -> Json:
    return {_HOLDER: str(holder), _UNTIL: until.isoformat()}
