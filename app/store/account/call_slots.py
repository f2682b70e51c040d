"""Turns to call SES about the account, which allows one such call a second: kept in Redis, so all processes share them.

It decides who calls when. It never calls or sleeps. Without Redis each process keeps to the rate by itself, which may
be too fast together: then SES says so, and the call is repeated.
"""

from typing import Final

from redis import Redis

from app.store.redis import Breaker

TURN: Final = "postern:ses:turn"
STEP_US: Final = 1_010_000
"""A little over a second: calls that start evenly arrive with some jitter."""

LONGEST_WAIT_US: Final = 15_000_000

# Redis's clock counts, so every host agrees. The key holds the time of the next free turn, in microseconds.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = free - now
if wait > tonumber(ARGV[2]) then return -1 end
redis.call('SET', KEYS[1], string.format('%.0f', free + tonumber(ARGV[1])), 'PX', 60000)
return math.ceil(wait)
"""


class Turns:
    """Hands out turns; safe to share between threads."""

    def __init__(self, redis: Redis, *, breaker: Breaker) -> None:
        self._breaker = breaker
        self._take = redis.register_script(_TAKE)

    def __call__(self) -> float | None:
        """Take the next turn: how many seconds to wait for it. None when more than 15 s of turns are taken already."""
        wait_us = self._breaker.call(lambda: self._take(keys=[TURN], args=[STEP_US, LONGEST_WAIT_US]), otherwise=int)
        return None if wait_us < 0 else wait_us / 1e6
