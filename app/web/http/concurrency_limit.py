"""Limit how many requests of one application this web process answers at a time, so that none takes every thread.

A request counts from when its key is known until its response is sent, however slowly the client reads it. A thread
answers one request at a time, so a request that a thread still counts when its next one begins is over.
"""

import threading
from collections import Counter
from collections.abc import Hashable
from typing import Final

from app.domain.errors import RateLimitExceeded, ServiceUnavailable

DOCS_AT_ONCE: Final = 8
"""The most responses of `/docs` at a time. They are large, and need no key."""


class InProgress:
    """The requests that are being answered, counted by owner (an application, or `docs`). Thread-safe."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._door = threading.Lock()
        self._of_thread: dict[int, Hashable] = {}
        self._counts: Counter[Hashable] = Counter()

    def enter(self, whose: Hashable, *, at_most: int | None = None) -> bool:
        """Count the request of this thread. False, and not counted, when `whose` has the maximum already."""
        with self._door:
            self._leave(threading.get_ident())
            if self._counts[whose] >= (at_most or self._at_most):
                return False
            self._counts[whose] += 1
            self._of_thread[threading.get_ident()] = whose
            return True

    def leave(self) -> None:
        """End the request of this thread. Does nothing when it was never counted."""
        with self._door:
            self._leave(threading.get_ident())

    def _leave(self, thread: int) -> None:
        whose = self._of_thread.pop(thread, None)
        if whose is not None:
            self._counts[whose] -= 1
            if not self._counts[whose]:
                del self._counts[whose]


def too_many_at_once() -> RateLimitExceeded:
    """The error of an application whose requests are all still being answered."""
    return RateLimitExceeded("The application has too many requests at a time. Wait for responses.", retry_after=1)


def docs_are_busy() -> ServiceUnavailable:
    """The error of `/docs` while as many clients load it as may."""
    return ServiceUnavailable("Too many clients are loading the documentation now.", retry_after=1)
