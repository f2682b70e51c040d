"""The database's clock, for whoever has no transaction open: no host's own wall clock decides anything.

A web process whose clock is an hour late would refuse a genuine bounce as news from the future, and SNS would drop it.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.domain.errors import ServiceUnavailable
from app.store.db import Database, clock

log = structlog.get_logger()

_ASK_EVERY_S: Final = 60.0
_ASK_AGAIN_S: Final = 5.0


class DatabaseClock:
    """Asks the database once a minute, and counts on by the monotonic clock in between. Thread-safe."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
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
        """What the database says, asked by one thread while the others wait for it."""
        with self._asking:
            if self._known is None or self._monotonic() >= self._ask_at:
                self._known = self._ask()
            return self._known

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
