"""Circuits: what has to wait although it is due, why, and when one mail may try whether it is over.

Scopes are `account`, `sender:<domain>`, `lane:<lane>`, and `recovery` after a restore. A circuit without `probe_at` was
opened by a person and ends by one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, true, update

from app.store.db import add_once, clock, now
from app.store.models import circuits

_FIRST_PROBE = timedelta(seconds=10)
_LONGEST = timedelta(minutes=5)
_DUE = select(circuits.c.scope).where(circuits.c.probe_at <= now())
_TO_BE_TRIED = _DUE.limit(1).with_for_update(skip_locked=True)
ANY_TO_BE_TRIED = _DUE.exists()
"""SQL: whether `take_probe` may find a circuit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One open circuit."""

    scope: str
    reason: str
    opened_at: datetime
    probe_at: datetime | None

    def concerns(self, *, lane: str, sender_domain: str) -> bool:
        """Whether mail of this lane and From domain waits for it."""
        return self.scope in {"account", "recovery", f"lane:{lane}", f"sender:{sender_domain}"}


def all_open(connection: Connection) -> tuple[Circuit, ...]:
    """Every open circuit."""
    rows = connection.execute(select(circuits).order_by(circuits.c.scope))
    return tuple(
        Circuit(scope=row.scope, reason=row.reason, opened_at=row.opened_at, probe_at=row.probe_at) for row in rows
    )


def trip(connection: Connection, scope: str, *, reason: str, claimed_at: datetime | None = None) -> None:
    """Open a circuit, or put off the probe of an open one: twice as long each time, up to five minutes.

    `claimed_at` is when the refused mail was claimed. What was claimed before a first probe was possible was in flight
    when the circuit opened: it says nothing new.
    """
    moment = clock(connection)
    first = {"scope": scope, "reason": reason, "opened_at": moment, "probe_at": moment + _FIRST_PROBE}
    if add_once(connection, circuits, **first):
        return
    failures = connection.scalar(select(circuits.c.failures).where(circuits.c.scope == scope).with_for_update()) or 0
    wait = min(_FIRST_PROBE * 2 ** min(failures, 10), _LONGEST)
    automatic = circuits.c.probe_at.is_not(None)
    probed = true() if claimed_at is None else circuits.c.opened_at <= claimed_at - _FIRST_PROBE
    connection.execute(
        update(circuits)
        .where(circuits.c.scope == scope, automatic, probed)
        .values(reason=reason, failures=failures + 1, probe_at=moment + wait)
    )


def take_probe(connection: Connection) -> str | None:
    """A circuit whose time to be tried has come, taken so that nobody else tries it meanwhile, or None."""
    scope: str | None = connection.scalar(_TO_BE_TRIED)
    if scope is not None:
        later = clock(connection) + _FIRST_PROBE
        connection.execute(update(circuits).where(circuits.c.scope == scope).values(probe_at=later))
    return scope


def close(connection: Connection, scopes: list[str]) -> None:
    """Close circuits that a person did not open."""
    connection.execute(delete(circuits).where(circuits.c.scope.in_(scopes), circuits.c.probe_at.is_not(None)))


def pause(connection: Connection, scope: str, *, reason: str) -> None:
    """Open a circuit that only `resume` closes."""
    connection.execute(delete(circuits).where(circuits.c.scope == scope))
    connection.execute(insert(circuits).values(scope=scope, reason=reason, opened_at=now()))


def resume(connection: Connection, scope: str) -> bool:
    """Close a circuit, whoever opened it; False when it was not open."""
    return connection.execute(delete(circuits).where(circuits.c.scope == scope)).rowcount == 1
