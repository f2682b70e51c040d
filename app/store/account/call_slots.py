"""Slots for calls to SES's account API, which allows one per second: in Redis, shared by all processes.

This module decides when a process may call. It never calls or sleeps. Without Redis each process keeps to the rate by
itself, which may be too fast together: then SES refuses, and the call is repeated.
"""

from typing import Final

from redis import Redis

from app.store.engine.redis import RedisBreaker

SLOT: Final = "postern:ses:turn"
STEP_US: Final = 1_010_000
"""A little over a second: calls that start evenly arrive with some jitter."""

LONGEST_WAIT_S: Final = 15.0

# Redis's clock decides, so every host agrees. The key holds the time of the next free slot, in microseconds.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = free - now
if wait > tonumber(ARGV[2]) then return -1 end
redis.call('SET', KEYS[1], string.format('%.0f', free + tonumber(ARGV[1])), 'PX', 60000)
return math.ceil(wait)
"""


class CallSlots:
    """Hands out slots; safe to share between threads."""

    def __init__(self, redis: Redis, *, breaker: RedisBreaker) -> None:
        self._breaker = breaker
        self._take = redis.register_script(_TAKE)

    def __call__(self, longest_s: float = LONGEST_WAIT_S) -> float | None:
        """Take the next slot: how many seconds to wait for it. None, and not taken, when that is over `longest_s`."""
        longest_us = round(longest_s * 1e6)
        wait_us = self._breaker.call(lambda: self._take(keys=[SLOT], args=[STEP_US, longest_us]), otherwise=int)
        return None if wait_us < 0 else wait_us / 1e6
