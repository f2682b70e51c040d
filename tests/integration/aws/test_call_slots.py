"""Account-level calls are a second apart across all processes of a gateway, since SES counts them per account."""

from collections.abc import Iterator

import pytest
from redis import Redis

from app.store.account.call_slots import LONGEST_WAIT_S, SLOT, STEP_US, CallSlots
from app.store.engine.redis import RedisBreaker, connect


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url, patience_s=5) as client:
        yield client


def next_turn(redis: Redis, *, in_us: int) -> int:
    """Let the next free slot be `in_us` microseconds away, by Redis's clock; return its time."""
    seconds, microseconds = redis.time()
    moment = int(seconds) * 1_000_000 + int(microseconds) + in_us
    redis.set(SLOT, moment)
    return moment


def test_processes_take_turns(redis: Redis) -> None:
    """Each caller gets the next free second, in whichever process it runs."""
    start = next_turn(redis, in_us=8_000_000)
    processes = [CallSlots(redis, breaker=RedisBreaker()) for _ in range(3)]
    assert all(wait is not None and wait > 0 for wait in [process() for process in processes])
    assert int(redis.get(SLOT) or 0) == start + 3 * STEP_US


def test_a_slot_in_the_past_is_free(redis: Redis) -> None:
    """The first caller need not wait."""
    turns = CallSlots(redis, breaker=RedisBreaker())
    assert turns() == 0
    next_turn(redis, in_us=-1_000_000)
    assert turns() == 0


def test_too_long_a_queue_is_refused(redis: Redis) -> None:
    """A caller that waits for an answer gets an error, and takes no slot from the others."""
    start = next_turn(redis, in_us=round(2e6 * LONGEST_WAIT_S))
    assert CallSlots(redis, breaker=RedisBreaker())() is None
    assert int(redis.get(SLOT) or 0) == start


def test_a_caller_that_cannot_wait_takes_no_slot(redis: Redis) -> None:
    """A request gives up where a sweep would wait."""
    start = next_turn(redis, in_us=5_000_000)
    assert CallSlots(redis, breaker=RedisBreaker())(2.0) is None
    assert int(redis.get(SLOT) or 0) == start


def test_without_redis_no_process_waits_for_another() -> None:
    """Each process then keeps to the rate by itself."""
    assert CallSlots(connect("redis://127.0.0.1:9"), breaker=RedisBreaker())() == 0
