"""Which worker processes are alive: each says so now and then, and they are counted to share out the send rate."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.store import heartbeats
from app.store.db import Database

_ALIVE_WITHIN: Final = timedelta(seconds=30)
_COUNT_EVERY_S: Final = 10.0


class Workforce:
    """The worker processes."""

    def __init__(self, *, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._count = 1
        self._count_at = 0.0

    def beat(self, worker: str) -> None:
        """Note that this worker process is alive. Raises `ServiceUnavailable`."""
        with self._database.transaction() as connection:
            heartbeats.beat(connection, worker, kind=heartbeats.WORKER)

    def count(self) -> int:
        """How many are alive, at least 1; counted every ten seconds.

        When the database is away the last count stands.
        """
        with self._lock:
            if self._monotonic() >= self._count_at:
                self._count_at = self._monotonic() + _COUNT_EVERY_S
                self._count = self._ask()
            return self._count

    def _ask(self) -> int:
        try:
            with self._database.reading() as connection:
                return max(1, heartbeats.count_alive(connection, kind=heartbeats.WORKER, within=_ALIVE_WITHIN))
        except ServiceUnavailable:
            return self._count
