"""Whether a worker still receives messages from its broker, judged by the worker itself in repeated checks.

A Celery worker can be alive and consume nothing. So each of its processes checks regularly whether a message has come
through the broker to any of them. If none has, it sends a *canary*: a message to its own node. The worker counts as
deaf when the broker takes canary after canary and none of them comes through.

It counts checks and not seconds, since a host that was asleep for an hour has checked once. A process that cannot
check, or cannot send, starts its count again: a worker is not deaf because the broker or the database is away.
"""

import math
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

_LONGEST_PAUSE_S: Final = 10.0
_LOOKS: Final = 6


class SharedLiveness(Protocol):
    """Where the processes of one node share when a message last came through to any of them."""

    def was_reached(self, node: str) -> None:
        """Note that a message has come through to the node. Raises `ServiceUnavailable`."""

    def last_reached(self, node: str) -> datetime | None:
        """When one last came through. Raises `ServiceUnavailable`."""


class BrokerLiveness:
    """The check in one worker process. Its node counts as deaf when it has received nothing for `silence_s`."""

    def __init__(self, *, node: str, shared: SharedLiveness, send_canary: Callable[[], bool], silence_s: float) -> None:
        self.pause_s = min(silence_s / _LOOKS, _LONGEST_PAUSE_S)
        self._node = node
        self._shared = shared
        self._send_canary = send_canary
        self._enough = math.ceil(silence_s / self.pause_s)
        self._heard = threading.Event()
        self._at_work = False
        self._last: datetime | None = None
        self.unanswered = 0

    def begin(self) -> None:
        """Note that a task has come through, and is running."""
        self._at_work = True
        self._heard.set()

    def end(self) -> None:
        """Note that the task has ended."""
        self._at_work = False

    def is_deaf(self) -> bool:
        """Check once; call it every `pause_s`. Return whether the node is deaf. Raises `ServiceUnavailable`."""
        unanswered, self.unanswered = self.unanswered, 0  # if anything below fails, the count starts again
        if self._heard.is_set() or self._at_work:
            self._heard.clear()
            self._shared.was_reached(self._node)
        last = self._shared.last_reached(self._node)
        moved, self._last = last != self._last, last
        if not moved and self._send_canary():
            self.unanswered = unanswered + 1
        return self.unanswered > self._enough
