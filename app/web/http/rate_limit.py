"""Limit how many requests an application may make in a second: a sliding window in the memory of this web process.

The limit keeps one application from taking every thread of a process. It is not a quota: with several web processes, an
application may make as many requests in each of them. The limits of its email are in `app.domain.apps.limits`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from app.domain.apps.callers import Caller
from app.domain.errors import Allowance, RateLimitExceeded

_WINDOW_S = 1
_REMEMBERED_AT_MOST = 10_000


def headers_of(allowance: Allowance) -> dict[str, str]:
    """The headers of draft-ietf-httpapi-ratelimit-headers-06, which Resend's clients read."""
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(allowance.reset_s),
    }


@dataclass(slots=True)
class _Counts:
    """The requests of one application in the second that is `current`, and in the one before it."""

    current: int
    now: int = 0
    before: int = 0

    def roll(self, second: int) -> None:
        if second != self.current:
            self.before = self.now if second == self.current + 1 else 0
            self.now, self.current = 0, second


class Rate:
    """The windows of all applications, counted in this process. Thread-safe."""

    def __init__(self, per_second: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._door = threading.Lock()
        self._counts: dict[UUID, _Counts] = {}

    def spend(self, caller: Caller) -> bool:
        """Count one request. False, and not counted, when the application has none left."""
        with self._door:
            counts, used = self._used(caller.app_id)
            if used + 1 > self._per_second:
                return False
            counts.now += 1
            return True

    def allowance(self, caller: Caller) -> Allowance:
        """The requests that the application has left now."""
        with self._door:
            _, used = self._used(caller.app_id)
        return Allowance(self._per_second, max(0, int(self._per_second - used)), _WINDOW_S)

    def _used(self, app_id: UUID) -> tuple[_Counts, float]:
        """The counts, and their sum in the window that ends now: of the second before, only the part in the window."""
        at = self._monotonic()
        second = int(at)
        counts = self._counts.get(app_id)
        if counts is None:
            if len(self._counts) >= _REMEMBERED_AT_MOST:
                self._counts.clear()
            counts = self._counts[app_id] = _Counts(second)
        counts.roll(second)
        return counts, counts.now + counts.before * (1 - (at - second))


def too_many() -> RateLimitExceeded:
    """The error of an application without requests left."""
    return RateLimitExceeded("The application has made too many requests in this second.", retry_after=_WINDOW_S)
