"""Calls about the account are a second apart over all processes of a gateway, as SES counts them."""

from collections.abc import Iterator

import pytest
from redis import Redis

from app.store.redis import Breaker, connect
from app.store.turns import LONGEST_WAIT_US, STEP_US, TURN, Turns


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url, patience_s=5) as client:
        yield client


def next_turn(redis: Redis, *, in_us: int) -> int:
    """Let the next free turn be so far away, by Redis's clock; when it is."""
    seconds, microseconds = redis.time()
    moment = int(seconds) * 1_000_000 + int(microseconds) + in_us
    redis.set(TURN, moment)
    return moment


def test_processes_take_turns(redis: Redis) -> None:
    """Whoever asks gets the next free second, whichever process it is of."""
    start = next_turn(redis, in_us=8_000_000)
    processes = [Turns(redis, breaker=Breaker()) for _ in range(3)]
    assert all(wait is not None and wait > 0 for wait in [process() for process in processes])
    assert int(redis.get(TURN) or 0) == start + 3 * STEP_US


def test_a_turn_that_is_over_is_free(redis: Redis) -> None:
    """The first need not wait, and nobody waits for what is past."""
    turns = Turns(redis, breaker=Breaker())
    assert turns() == 0
    next_turn(redis, in_us=-1_000_000)
    assert turns() == 0


def test_too_long_a_queue_is_refused(redis: Redis) -> None:
    """Somebody who waits for an answer is told, and takes no turn from the others."""
    start = next_turn(redis, in_us=2 * LONGEST_WAIT_US)
    assert Turns(redis, breaker=Breaker())() is None
    assert int(redis.get(TURN) or 0) == start


def test_without_redis_nobody_waits_for_others() -> None:
    """Each process then keeps to the rate by itself."""
    assert Turns(connect("redis://127.0.0.1:9"), breaker=Breaker())() == 0
