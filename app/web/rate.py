"""How many requests an application may make in a second: a sliding window in the memory of this web process.

It keeps one application from taking every thread of a process. It is no quota: with several web processes an
application may make as many requests in each.
"""

from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from app.domain.callers import Caller
from app.domain.errors import RateLimitExceeded

_WINDOW_S = 1


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a window: told to clients in the `RateLimit` headers."""

    limit: int
    remaining: int

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-06, which Resend's clients know."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(_WINDOW_S),
        }


class Rate:
    """The windows of all applications, counted in this process."""

    def __init__(self, per_second: int) -> None:
        self._limit = RateLimitItemPerSecond(per_second)
        self._windows = SlidingWindowCounterRateLimiter(MemoryStorage())

    def spend(self, caller: Caller) -> bool:
        """Count one request; False when the application has none left."""
        return self._windows.hit(self._limit, str(caller.app_id))

    def allowance(self, caller: Caller) -> Allowance:
        """What the application has left now."""
        left = self._windows.get_window_stats(self._limit, str(caller.app_id)).remaining
        return Allowance(self._limit.amount, left)


def too_many() -> RateLimitExceeded:
    """The error of an application without requests left."""
    return RateLimitExceeded("More requests in this second than the application may make.", retry_after=_WINDOW_S)
