"""Reports for tests: a claimed email with what its call may come to, and a recorder without chance."""

from collections.abc import Callable
from uuid import UUID

from app.services.sending.call_results import Report, Result
from app.services.sending.record import Record
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit, take
from tests.support.gateway.gateways import caller


def record(gateway: Gateway, *reports: Report, jitter: float = 0.5) -> None:
    """Write reports as the worker does, with jitter that is no chance."""
    Record(database=gateway.database, max_attempts=12, jitter=lambda: jitter)(reports)


def claimed(gateway: Gateway) -> tuple[UUID, Callable[[Result], Report]]:
    """A mail that a worker has claimed, and what it reports about its call."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    taken = take(gateway)
    return email, lambda result: Report(attempt=taken.emails[0], result=result)
