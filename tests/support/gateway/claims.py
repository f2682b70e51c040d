"""Claims for tests: one with chosen options, what it took, and a circuit that is open."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from app.queue import Lane
from app.store.engine.database import clock
from app.store.sending import circuits
from app.store.sending.claims import Claim, Wanted, claim
from app.store.tables.core import circuits as circuits_table
from app.wiring.gateway import Gateway


def addresses(taken: Claim) -> list[str]:
    """The address of each recipient that was claimed, in order."""
    return [attempt.recipient.address for attempt in taken.emails]


def wanted(gateway: Gateway, **options: Any) -> Claim:
    """One claim with these options."""
    settings: dict[str, Any] = {"lane": Lane.TRANSACTIONAL, "limit": 100, "lease": timedelta(seconds=60)}
    with gateway.database.transaction() as connection:
        return claim(connection, Wanted(**settings | options))


def open_circuit(gateway: Gateway, scope: str, *, probe_in: timedelta | None = timedelta(minutes=1)) -> None:
    """A circuit that is open, to be probed at a given time, or never."""
    with gateway.database.transaction() as connection:
        circuits.pause(connection, scope, reason="For this test.")
        if probe_in is not None:
            probe_at = clock(connection) + probe_in
            connection.execute(update(circuits_table).where(circuits_table.c.scope == scope).values(probe_at=probe_at))
