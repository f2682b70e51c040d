"""The database's clock without an open transaction: no wall clock of a host decides anything.

A web process whose clock is an hour late would refuse a genuine bounce as coming from the future, and SNS would drop
it.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database, clock

log = structlog.get_logger()

_ASK_EVERY_S: Final = 60.0
_ASK_AGAIN_S: Final = 5.0
_PATIENCE_S: Final = 2.0


_COUNTS_SLEEP: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def host_clock() -> datetime:
    """The time by this host's clock, aware UTC. It decides nothing: it is a second opinion before a final refusal."""
    return datetime.now(UTC)


def since_boot() -> float:
    """Seconds that also count while the host sleeps, where its system supports that."""
    return time.clock_gettime(_COUNTS_SLEEP)


class DatabaseClock:
    """Asks the database once a minute, and adds a monotonic clock in between. Thread-safe.

    That clock must also run while the host sleeps: otherwise the time is late after waking, until the database is asked
    again.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = since_boot) -> None:
        self._database = database
        self._monotonic = monotonic
        self._asking = threading.Lock()
        self._known: tuple[datetime, float] | None = None
        self._ask_at = 0.0

    def __call__(self) -> datetime:
        """The time, aware UTC. Raises `ServiceUnavailable` only when the database has never answered."""
        known = self._known
        if known is None or self._monotonic() >= self._ask_at:
            known = self._asked_by_one()
        moment, since = known
        return moment + timedelta(seconds=self._monotonic() - since)

    def _asked_by_one(self) -> tuple[datetime, float]:
        """The database's time. One thread asks while the others wait for it, but not for long."""
        if not self._asking.acquire(timeout=_PATIENCE_S):
            if self._known is None:
                raise ServiceUnavailable("The database did not tell the time; repeat the request.", retry_after=1)
            return self._known
        try:
            if self._known is None or self._monotonic() >= self._ask_at:
                self._known = self._ask()
            return self._known
        finally:
            self._asking.release()

    def _ask(self) -> tuple[datetime, float]:
        try:
            with self._database.reading() as connection:
                known = (clock(connection), self._monotonic())
        except ServiceUnavailable:
            if self._known is None:
                raise
            log.warning("clock_not_asked")
            self._ask_at = self._monotonic() + _ASK_AGAIN_S
            return self._known
        self._ask_at = self._monotonic() + _ASK_EVERY_S
        return known
