"""Whether a worker still hears its broker, judged from inside, look by look.

A Celery worker can be alive and consume nothing. So each of its processes looks now and then whether anything has come
through the broker to any of them, and when nothing has, sends a *canary*: a message to its own node. It decides when
silence means deafness: when canary after canary is taken by the broker and none of them comes through.

It counts looks and never seconds, since a host that was asleep for an hour has looked once. Whoever cannot look, or
cannot send, starts to count anew: a broker or a database that is away makes nobody deaf.
"""

import math
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

_LONGEST_PAUSE_S: Final = 10.0
_LOOKS: Final = 6


class Rumour(Protocol):
    """What the processes of one node tell each other of what they have heard."""

    def heard(self, node: str) -> None:
        """Note that a message has come through to the node. Raises `ServiceUnavailable`."""

    def last_heard(self, node: str) -> datetime | None:
        """When one last came through. Raises `ServiceUnavailable`."""


class Ears:
    """The ears of one worker process. `silence_s` is how long its node may hear nothing before it is deaf."""

    def __init__(self, *, node: str, rumour: Rumour, send_canary: Callable[[], bool], silence_s: float) -> None:
        self.pause_s = min(silence_s / _LOOKS, _LONGEST_PAUSE_S)
        self._node = node
        self._rumour = rumour
        self._send_canary = send_canary
        self._enough = math.ceil(silence_s / self.pause_s)
        self._heard = threading.Event()
        self._at_work = False
        self._last: datetime | None = None
        self.unanswered = 0

    def begin(self) -> None:
        """A task has come through, and is at work."""
        self._at_work = True
        self._heard.set()

    def end(self) -> None:
        """The task has ended."""
        self._at_work = False

    def is_deaf(self) -> bool:
        """Look once, each `pause_s`; whether the node is deaf. Raises `ServiceUnavailable`."""
        unanswered, self.unanswered = self.unanswered, 0  # whatever fails from here on, the count starts anew
        if self._heard.is_set() or self._at_work:
            self._heard.clear()
            self._rumour.heard(self._node)
        last = self._rumour.last_heard(self._node)
        moved, self._last = last != self._last, last
        if not moved and self._send_canary():
            self.unanswered = unanswered + 1
        return self.unanswered > self._enough
