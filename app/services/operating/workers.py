"""Which worker processes are alive, and which workers the broker reaches: each notes it regularly.

The processes are counted to share the send rate. A *node* is one worker with all its processes.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.store.operating import heartbeats

_ALIVE_WITHIN: Final = timedelta(seconds=30)
_COUNT_EVERY_S: Final = 10.0
_LONGEST_NAME: Final = 120


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
            # If a name is too long, its end is kept: it distinguishes the processes of a host.
            heartbeats.beat(connection, worker[-_LONGEST_NAME:], kind=heartbeats.WORKER)

    def was_reached(self, node: str) -> None:
        """Note that a message has come through the broker to this node. Raises `ServiceUnavailable`."""
        with self._database.transaction() as connection:
            heartbeats.beat(connection, _canary(node), kind=heartbeats.CANARY)

    def last_reached(self, node: str) -> datetime | None:
        """When a message last came through the broker to this node. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            return heartbeats.seen_at(connection, _canary(node))

    def was_seen(self, *, within: timedelta) -> bool:
        """Whether any worker process was alive in this time. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            return heartbeats.count_alive(connection, kind=heartbeats.WORKER, within=within) > 0

    def count(self) -> int:
        """How many are alive, at least 1; counted every ten seconds.

        While the database is away, the last count stands.
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


def _canary(node: str) -> str:
    """The name of the node's canary, cut to the allowed length. Nodes that share one are never ended for it."""
    return f"canary:{node}"[:_LONGEST_NAME]
