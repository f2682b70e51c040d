"""The send rate of the SES account, shared by all workers through Redis.

It decides how many calls may start now: in any one second never more than the rate, spread over that second instead of
in one burst, and none at all for a while after SES has throttled. Redis's clock counts, so every host agrees. It never
sends or sleeps, and without Redis gives each worker its share of the rate instead of no limit.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis

from app.store.engine.redis import RedisBreaker

WINDOW_S = 1.01
"""A little over the second that SES counts: evenly granted calls arrive with some jitter."""

STATE = "postern:pace:state"
GRANTS = "postern:pace:grants"


@dataclass(frozen=True, slots=True)
class Grant:
    """`count` calls may start now; when it is 0, ask again after `wait_s` seconds."""

    count: int
    wait_s: float = 0.0


class Pace:
    """Grants calls to SES. `workers` returns how many worker processes share the rate, for when Redis is away.

    `clock` counts seconds and never goes back. Safe to share between threads.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        breaker: RedisBreaker,
        workers: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._breaker = breaker
        self._workers = workers
        self._alone = _Alone(clock)
        self._reserve = redis.register_script(RESERVE)
        self._give_back = redis.register_script(GIVE_BACK)
        self._brake = redis.register_script(BRAKE)

    def reserve(self, limit: int, *, rate: float, clears: str | None = None) -> Grant:
        """Up to `limit` calls (at least 1) that may start now, at `rate` emails per second over all workers.

        Grants come in portions of a tenth of a second, so that emails are not claimed one by one. `clears` is a key
        that is deleted first, in the same trip.
        """
        allowed, window_s = _window(rate)
        keys = [STATE, GRANTS] if clears is None else [STATE, GRANTS, clears]
        answer = self._breaker.call(
            lambda: self._reserve(keys=keys, args=[limit, allowed, round(window_s * 1e6)]),
            otherwise=lambda: None,
        )
        if answer is None:
            return self._alone.reserve(limit, rate=rate / max(1, self._workers()))
        self._alone.rejoin()
        count, wait_us = answer
        return Grant(count, wait_us / 1e6)

    def give_back(self, count: int) -> None:
        """Return `count` reserved calls that will not be made."""
        if count:
            self._breaker.call(lambda: self._give_back(keys=[STATE, GRANTS], args=[count]), otherwise=lambda: None)

    def brake(self, seconds: float) -> None:
        """SES has throttled: grant nothing for `seconds`, then four fifths of the rate, rising to all of it in 20 s."""
        self._alone.brake(seconds)
        self._breaker.call(lambda: self._brake(keys=[STATE], args=[round(seconds * 1e6)]), otherwise=lambda: None)


class _Alone:
    """The pace of one process that cannot see the others: its share, after a second in which earlier grants pass."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._granted: deque[float] = deque()
        self._closed_until = 0.0
        self._alone = False

    def reserve(self, limit: int, *, rate: float) -> Grant:
        allowed, window_s = _window(rate)
        with self._lock:
            now = self._clock()
            if not self._alone:
                self._alone = True
                self._closed_until = max(self._closed_until, now + WINDOW_S)
            while self._granted and self._granted[0] <= now - window_s:
                self._granted.popleft()
            free = min(limit, allowed - len(self._granted))
            if now < self._closed_until:
                return Grant(0, self._closed_until - now)
            if free < 1:
                return Grant(0, self._granted[0] + window_s - now)
            self._granted.extend([now] * free)
            return Grant(free)

    def brake(self, seconds: float) -> None:
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)

    def rejoin(self) -> None:
        self._alone = False


def _window(rate: float) -> tuple[int, float]:
    """How many calls may start in how many seconds; below one per second the window grows instead."""
    allowed = max(1, int(rate))
    return allowed, WINDOW_S * max(1.0, allowed / rate)


# State: `used` calls in the window, `next` the time before which the spread allows none, `step` the time between two,
# `braked` the end of the last brake, `share` what was left of the rate then. Grants: "time count", oldest first.
# All times are in microseconds.
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function state(field) return tonumber(redis.call('HGET', KEYS[1], field) or 0) end
local braked = state('braked')
local share = 1
if braked > 0 then
  share = state('share')
  share = share + (1 - share) * math.min(1, math.max(0, now - braked) / 20000000)
end
"""

RESERVE = (
    "if KEYS[3] then redis.call('DEL', KEYS[3]) end"
    + _COMMON
    + """
local limit, allowed, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now < braked then return {0, braked - now} end
allowed = math.max(1, math.floor(allowed * share))

local used = state('used')
local oldest = redis.call('LINDEX', KEYS[2], 0)
while oldest and tonumber(oldest:match('^%d+')) <= now - window do
  used = used - tonumber(oldest:match('%d+$'))
  redis.call('LPOP', KEYS[2])
  oldest = redis.call('LINDEX', KEYS[2], 0)
end
if not oldest then used = 0 end

local step = window / (allowed * 1.25)
local burst = math.max(1, math.floor(allowed / 10))
local portion = math.min(limit, burst)
local due = math.max(state('next'), now - burst * step)
local count = math.min(limit, allowed - used, math.floor((now - due) / step + 0.001))
local wait = 0
if count >= portion then
  due = due + count * step
  used = used + count
  redis.call('RPUSH', KEYS[2], string.format('%.0f %d', now, count))
else
  count = 0
  wait = due + portion * step - now
  if allowed - used < portion then
    wait = math.max(wait, tonumber(oldest:match('^%d+')) + window - now)
  end
end
redis.call('HSET', KEYS[1], 'used', used, 'next', string.format('%.0f', due), 'step', step)
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[2], 60000)
return {count, math.ceil(wait)}
"""
)

GIVE_BACK = (
    _COMMON
    + """
local back = tonumber(ARGV[1])
while back > 0 do
  local newest = redis.call('RPOP', KEYS[2])
  if not newest then break end
  local granted = tonumber(newest:match('%d+$'))
  local taken = math.min(back, granted)
  if granted > taken then redis.call('RPUSH', KEYS[2], newest:match('^%d+') .. ' ' .. (granted - taken)) end
  back = back - taken
  redis.call('HINCRBY', KEYS[1], 'used', -taken)
  redis.call('HINCRBYFLOAT', KEYS[1], 'next', -taken * state('step'))
end
"""
)

BRAKE = (
    _COMMON
    + """
local pause = tonumber(ARGV[1])
if now >= braked then share = math.max(0.1, share * 0.8) end
redis.call('HSET', KEYS[1], 'braked', string.format('%.0f', math.max(braked, now + pause)), 'share', share)
redis.call('PEXPIRE', KEYS[1], 60000 + math.floor(pause / 1000))
"""
)
