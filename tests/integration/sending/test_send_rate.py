"""The shared send rate on a real Valkey: never more than the rate in any second, and nearly all of it used."""

import json
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from app.store.engine.redis import RedisBreaker, connect
from app.store.sending.send_rate import Grant, Pace
from tests.support.servers.valkey import failing_valkey

ROOT = Path(__file__).parents[3]

# Two threads that take whatever is granted for some seconds; prints when each call was granted, by the host's clock.
TAKER = """
import json, sys, threading, time
from app.store.sending.send_rate import Pace
from app.store.engine.redis import RedisBreaker, connect

url, rate, seconds = sys.argv[1], *map(float, sys.argv[2:])
pace = Pace(connect(url, patience_s=5), breaker=RedisBreaker(), workers=lambda: 2)
granted = []

def take():
    while time.time() < end:
        grant = pace.reserve(100, rate=rate)
        granted.extend([time.time()] * grant.count)
        time.sleep(grant.wait_s)

threads = [threading.Thread(target=take) for _ in range(2)]
print("ready", flush=True)
start = float(sys.stdin.readline())
end = start + seconds
time.sleep(max(0, start - time.time()))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(granted))
"""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A patient client: a busy machine must not look like an absent Redis."""
    with connect(redis_url, patience_s=5) as client:
        yield client


def pace_over(redis: Redis, *, workers: int = 1) -> Pace:
    return Pace(redis, breaker=RedisBreaker(), workers=lambda: workers)


def take_for(pace: Pace, seconds: float, *, rate: float, limit: int = 100) -> list[tuple[float, int]]:
    """Every grant within these seconds, with its time."""
    grants, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        grant = pace.reserve(limit, rate=rate)
        if grant.count:
            grants.append((time.monotonic(), grant.count))
        time.sleep(grant.wait_s)
    return grants


def grants_of(takers: list["subprocess.Popen[str]"], start: str) -> list[list[float]]:
    """The times of the grants of each taker, once all have got the time to start."""
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write(start)
        taker.stdin.flush()
    return [json.loads(taker.communicate(timeout=30)[0]) for taker in takers]


def busiest_second(times: list[float]) -> int:
    """The most grants in one second; times were read up to 30 ms after the grant in Redis."""
    times = sorted(times)
    return max(bisect_left(times, start + 0.97) - index for index, start in enumerate(times))


def test_four_threads_in_two_processes_share_one_rate(redis_url: str, redis: Redis) -> None:
    """At 50 a second, no second sees 51, and at least 98 % of three seconds' worth is granted."""
    command = [sys.executable, "-c", TAKER, redis_url, "50", "3"]
    takers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for taker in takers:
        assert taker.stdout is not None
        assert taker.stdout.readline() == "ready\n"
    start = time.time() + 0.2
    granted = [moment for taker in grants_of(takers, f"{start}\n") for moment in taker]
    assert busiest_second(granted) <= 50
    assert len(granted) >= 0.98 * 150


@pytest.mark.parametrize("rate", [1, 14, 500])
def test_any_rate_is_kept_and_used(redis: Redis, rate: int) -> None:
    """From one a second, as in the sandbox, to hundreds: the busiest second stays within the rate."""
    grants = take_for(pace_over(redis), 2.0, rate=rate)
    times = [moment for moment, count in grants for _ in range(count)]
    assert busiest_second(times) <= rate
    assert len(times) >= 0.95 * 2 * rate


def test_a_grant_is_a_portion_and_not_the_whole_second(redis: Redis) -> None:
    """Calls are spread over the second, and a fast account does not claim emails one by one."""
    counts = [count for _, count in take_for(pace_over(redis), 0.5, rate=500)]
    assert max(counts) <= 50
    assert min(counts) >= 10


def test_a_rate_below_one_a_second_is_kept(redis: Redis) -> None:
    """At one in two seconds the second call waits about two."""
    pace = pace_over(redis)
    assert pace.reserve(10, rate=0.5) == Grant(1)
    refused = pace.reserve(10, rate=0.5)
    assert refused.count == 0
    assert 1.9 < refused.wait_s < 2.1


def test_a_grant_that_is_given_back_may_be_granted_again(redis: Redis) -> None:
    """A reserved call that is not made costs the account nothing."""
    pace = pace_over(redis)
    assert pace.reserve(1, rate=1).count == 1
    assert pace.reserve(1, rate=1).count == 0
    pace.give_back(1)
    assert pace.reserve(1, rate=1).count == 1


def test_giving_back_more_than_was_granted_makes_no_credit(redis: Redis) -> None:
    """However much is given back, the busiest second stays within the rate."""
    pace = pace_over(redis)
    pace.reserve(1, rate=10)
    pace.give_back(1000)
    grants = take_for(pace, 1.0, rate=10)
    assert sum(count for _, count in grants) <= 10


def test_a_brake_stops_every_worker_and_then_slows_them(redis: Redis) -> None:
    """After a throttle no worker gets a grant for the time of the brake, and then a lower rate."""
    first, second = pace_over(redis), pace_over(redis)
    first.brake(0.3)
    stopped = second.reserve(10, rate=50)
    assert stopped.count == 0
    assert 0.2 < stopped.wait_s <= 0.3
    time.sleep(stopped.wait_s)
    granted = sum(count for _, count in take_for(second, 1.0, rate=50))
    assert 30 <= granted <= 43


def test_many_throttles_at_once_slow_down_once(redis: Redis) -> None:
    """A hundred calls that are throttled together count as one sign, not a hundred."""
    pace = pace_over(redis)
    for _ in range(100):
        pace.brake(0.1)
    time.sleep(0.11)
    assert sum(count for _, count in take_for(pace, 1.0, rate=50)) >= 30


def test_without_redis_a_worker_keeps_to_its_share() -> None:
    """With Redis away each of four workers gets a quarter, after one second for earlier grants."""
    clock = Clock()
    pace = Pace(connect("unix:///nonexistent/socket"), breaker=RedisBreaker(), workers=lambda: 4, clock=clock)
    first = pace.reserve(100, rate=40)
    assert first.count == 0
    clock.now += first.wait_s
    granted = []
    while clock.now < 4:
        grant = pace.reserve(100, rate=40)
        granted.extend([clock.now] * grant.count)
        clock.now += grant.wait_s
    assert busiest_second(granted) <= 10
    assert len(granted) >= 28


def test_without_redis_a_brake_still_holds() -> None:
    """A throttle that cannot be shared with other workers still slows this one."""
    clock = Clock()
    pace = Pace(connect("unix:///nonexistent/socket"), breaker=RedisBreaker(), workers=lambda: 1, clock=clock)
    pace.brake(5)
    assert pace.reserve(1, rate=10) == Grant(0, 5.0)


def test_a_redis_that_hangs_delays_one_call_briefly() -> None:
    """A frozen Redis holds up one call for 50 ms, and then no call for some seconds."""
    with failing_valkey() as valkey:
        pace = pace_over(connect(valkey.url))
        assert pace.reserve(1, rate=10).count == 1
        valkey.freeze()
        started = time.monotonic()
        for _ in range(100):
            pace.reserve(1, rate=10)
        assert time.monotonic() - started < 0.5


def test_threads_of_one_process_share_one_pace(redis: Redis) -> None:
    """Eight threads over one object stay within the rate together."""
    pace = pace_over(redis)
    with ThreadPoolExecutor(8) as pool:
        grants = list(pool.map(lambda _: take_for(pace, 1.0, rate=20), range(8)))
    assert busiest_second([moment for taken in grants for moment, count in taken for _ in range(count)]) <= 20
