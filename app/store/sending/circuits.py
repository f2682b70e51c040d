"""Circuits: which due email has to wait, why, and when one email may probe whether the cause is over.

Scopes are `ses` (it cannot be reached), `account`, `configuration_set`, `keys` (a sealing key is missing),
`sender:<domain>`, `stream:<app>/<stream>`, `lane:<lane>`, `app:<app>/<lane>` (a budget paused this lane of an
application, whose row keeps it), and `recovery` after a restore. A circuit without `probe_at` is never probed: a person
closes it, or what opened it.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, true, update

from app.store.apps.app_pauses import paused_lanes
from app.store.engine.database import add_once, clock, now
from app.store.tables.core import circuits

REACH, KEYS = "ses", "keys"
ABOUT_SES = frozenset({REACH, "account", "configuration_set"})
OF_EVERYBODY = ABOUT_SES | {KEYS}
"""Automatic circuits for which every email waits."""

_FIRST_PROBE = timedelta(seconds=10)
_LONGEST = timedelta(minutes=5)
# A probe costs one connection or nothing, and all email waits: with frequent probes it goes on within seconds once the
# cause is gone.
_NEVER_PUT_OFF = frozenset({REACH, KEYS})
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

    def concerns(self, *, lane: str, sender_domain: str, stream: str) -> bool:
        """Whether email of this lane, From domain and stream (`<app>/<stream>`) waits for it."""
        of_app = f"app:{stream.partition('/')[0]}/{lane}"
        own = {"recovery", f"lane:{lane}", f"sender:{sender_domain}", f"stream:{stream}", of_app}
        return self.scope in OF_EVERYBODY | own


def all_open(connection: Connection) -> tuple[Circuit, ...]:
    """Every open circuit. A paused lane of an application is one too: `app:<app>/<lane>`, kept with the application."""
    paused = (
        Circuit(scope=f"app:{one.app}/{one.lane}", reason=one.reason, opened_at=one.since, probe_at=None)
        for one in paused_lanes(connection)
    )
    rows = connection.execute(select(circuits).order_by(circuits.c.scope))
    opened = (
        Circuit(scope=row.scope, reason=row.reason, opened_at=row.opened_at, probe_at=row.probe_at) for row in rows
    )
    return (*paused, *opened)


def lock(connection: Connection, scopes: AbstractSet[str]) -> None:
    """Lock those of these circuits that are open, in one order, so that no two transactions deadlock."""
    connection.execute(
        select(circuits.c.scope)
        .where(circuits.c.scope.in_(sorted(scopes)))
        .order_by(circuits.c.scope)
        .with_for_update()
    )


def trip(connection: Connection, scope: str, *, reason: str, claimed_at: datetime | None = None) -> None:
    """Open a circuit, or put off the probe of an open one: twice as long each time, up to five minutes.

    The circuits for SES out of reach and for a missing key are probed every ten seconds. `claimed_at` is when the
    refused email was claimed. Email claimed before a first probe was possible was in flight when the circuit opened, so
    its refusal is no new evidence.
    """
    moment = clock(connection)
    first = {"scope": scope, "reason": reason, "opened_at": moment, "probe_at": moment + _FIRST_PROBE}
    if add_once(connection, circuits, **first):
        return
    failures = connection.scalar(select(circuits.c.failures).where(circuits.c.scope == scope).with_for_update()) or 0
    longest = _FIRST_PROBE if scope in _NEVER_PUT_OFF else _LONGEST
    wait = min(_FIRST_PROBE * 2 ** min(failures, 10), longest)
    automatic = circuits.c.probe_at.is_not(None)
    probed = true() if claimed_at is None else circuits.c.opened_at <= claimed_at - _FIRST_PROBE
    connection.execute(
        update(circuits)
        .where(circuits.c.scope == scope, automatic, probed)
        .values(reason=reason, failures=failures + 1, probe_at=moment + wait)
    )


def take_probe(connection: Connection) -> str | None:
    """A circuit that is due for a probe, taken so that no other worker probes it meanwhile; or None."""
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


def pause_unless_open(connection: Connection, scope: str, *, reason: str) -> bool:
    """Open a circuit that only `resume` and `resume_of` close; False when it is open already, for whatever reason."""
    return add_once(connection, circuits, scope=scope, reason=reason, opened_at=now())


def resume_of(connection: Connection, scope: str, *, reason: str) -> bool:
    """Close a circuit that was opened for this reason; False when it is not open, or open for another."""
    mine = (circuits.c.scope == scope) & (circuits.c.reason == reason)
    return connection.execute(delete(circuits).where(mine)).rowcount == 1


def resume(connection: Connection, scope: str) -> bool:
    """Close a circuit of any kind; False when it was not open."""
    return connection.execute(delete(circuits).where(circuits.c.scope == scope)).rowcount == 1
