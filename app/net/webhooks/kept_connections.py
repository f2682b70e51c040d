"""Connections that may carry another post to the same host: most of what a post over TLS costs is its handshake.

It decides how long a connection may be used. Its address was checked when it was opened, and it leads nowhere else. The
host is looked up anew after a minute.
"""

import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from select import POLLIN, poll
from typing import Final

OLDEST_S: Final = 60.0
LONGEST_REST_S: Final = 10.0
MOST_RESTING: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """A connected socket, after the handshake where there is one; `origin` is the scheme, host and port it is for."""

    origin: str
    socket: socket.socket
    opened_at: float


class KeptConnections:
    """Connections at rest. Safe to use from many threads; none is here while a post is on it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._resting: deque[tuple[Connection, float]] = deque()
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._resting)

    def opened(self, origin: str, connected: socket.socket) -> Connection:
        """A new connection, in use."""
        return Connection(origin, connected, self._now())

    def rest(self, connection: Connection) -> None:
        """Take a connection whose answer was read to its end; the oldest here are closed when there are too many."""
        with self._lock:
            self._resting.append((connection, self._now()))
            if len(self._resting) > MOST_RESTING:
                self._resting.popleft()[0].socket.close()

    def take(self, origin: str) -> Connection | None:
        """The connection to this origin that was used last, if it is still good; those that are not are closed."""
        with self._lock:
            for entry in reversed(list(self._resting)):
                connection, since = entry
                if not self._is_good(connection, since):
                    self._resting.remove(entry)
                    connection.socket.close()
                elif connection.origin == origin:
                    self._resting.remove(entry)
                    return connection
        return None

    def _is_good(self, connection: Connection, since: float) -> bool:
        """Whether it is young, has not rested for long, and is silent: what comes at rest is its end, or no answer."""
        now = self._now()
        if now - connection.opened_at > OLDEST_S or now - since > LONGEST_REST_S:
            return False
        looking = poll()
        looking.register(connection.socket, POLLIN)
        return not looking.poll(0)


def _close_all(resting: deque[tuple[Connection, float]]) -> None:
    for connection, _ in resting:
        connection.socket.close()
