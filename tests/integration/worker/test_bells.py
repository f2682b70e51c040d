"""Bells on a real Valkey: rung once until answered, without delay for the caller, and working again after a flush."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from redis import Redis

from app.queue import DELIVER, SETTLE, Bell, Bells, Lane, Queue, Task, make_celery
from app.store.engine.redis import RedisBreaker, connect
from tests.support.servers.valkey import FailingValkey, failing_valkey

NEVER_LONGER_THAN_S = 2.5


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A patient client: a busy machine must not look like an absent Redis."""
    with connect(redis_url, patience_s=5) as client:
        yield client


@pytest.fixture
def celery(redis_url: str) -> Iterator[Celery]:
    app = make_celery(redis_url)
    yield app
    app.close()


@pytest.fixture
def bells(celery: Celery, redis: Redis) -> Bells:
    return Bells(celery, redis, breaker=RedisBreaker())


@pytest.fixture
def valkey() -> Iterator[FailingValkey]:
    with failing_valkey() as server:
        yield server


@contextmanager
def bells_over(valkey: FailingValkey) -> Iterator[Bells]:
    app = make_celery(valkey.url)
    with connect(valkey.url) as client:
        yield Bells(app, client, breaker=RedisBreaker())
    app.close()


def waiting(redis: Redis, queue: Queue) -> int:
    return int(redis.llen(f"postern:broker:{queue}"))


def test_a_thousand_rings_are_one_message(bells: Bells, redis: Redis) -> None:
    """However many emails are accepted, one task is queued until it is answered."""
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(bells.ring, [SETTLE] * 1000))
    assert waiting(redis, Queue.FEEDBACK) == 1
    bells.answered(SETTLE)
    assert bells.ring(SETTLE)
    assert waiting(redis, Queue.FEEDBACK) == 2


def test_each_lane_has_a_bell_of_its_own(bells: Bells, redis: Redis) -> None:
    """A ring for bulk does not ring for transactional, and each goes to its own queue."""
    assert bells.ring(DELIVER[Lane.BULK])
    assert bells.ring(DELIVER[Lane.TRANSACTIONAL])
    assert waiting(redis, Queue.BULK) == waiting(redis, Queue.TRANSACTIONAL) == 1


def test_a_bell_without_an_answer_may_be_rung_again(bells: Bells, redis: Redis) -> None:
    """A worker that died after it took the bell silences it for five seconds at most."""
    bells.ring(SETTLE)
    assert 0 < redis.pttl("postern:bell:settle") <= 5000


def test_the_broker_holds_names_and_nothing_else(bells: Bells, redis: Redis) -> None:
    """A message has a task and a lane."""
    bells.ring(DELIVER[Lane.BULK])
    [message] = redis.lrange("postern:broker:bulk", 0, -1)
    assert b"postern.deliver" in message
    assert all(bytes(name).startswith(b"postern:") for name in redis.scan_iter())


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_frozen_redis_does_not_hold_the_caller(valkey: FailingValkey, warm: bool) -> None:
    """With or without open connections, ringing a frozen broker fails in time, and then at once."""
    with bells_over(valkey) as bells:
        if warm:
            assert bells.ring(SETTLE)
            bells.answered(SETTLE)
        valkey.freeze()
        started = time.monotonic()
        assert bells.ring(SETTLE) is False
        assert time.monotonic() - started < NEVER_LONGER_THAN_S
        started = time.monotonic()
        assert not any(bells.ring(SETTLE) for _ in range(100))
        assert time.monotonic() - started < 0.5
        valkey.thaw()


def test_a_dead_redis_does_not_hold_the_caller(valkey: FailingValkey) -> None:
    """Ringing a broker that is gone fails at once and raises nothing."""
    with bells_over(valkey) as bells:
        assert bells.ring(SETTLE)
        bells.answered(SETTLE)
        valkey.kill()
        started = time.monotonic()
        assert bells.ring(SETTLE) is False
        assert bells.ring(DELIVER[Lane.BULK]) is False
        bells.answered(SETTLE)
        assert time.monotonic() - started < NEVER_LONGER_THAN_S


def test_a_bell_that_the_broker_did_not_take_does_not_count_as_rung(redis: Redis) -> None:
    """Where Redis remembers but the broker is away, the next ring tries again."""
    nowhere = make_celery("redis://127.0.0.1:1/0")
    assert Bells(nowhere, redis, breaker=RedisBreaker()).ring(SETTLE) is False
    nowhere.close()
    assert not redis.exists("postern:bell:settle")


def test_after_a_flush_a_ring_reaches_the_consumer_again(celery: Celery, bells: Bells, redis: Redis) -> None:
    """A flush removes the queue, the bell and the bindings; the next ring still arrives at the running worker."""
    rung: SimpleQueue[str] = SimpleQueue()

    def deliver(lane: str) -> None:
        rung.put(lane)

    celery.task(name=Task.DELIVER)(deliver)
    bell: Bell = DELIVER[Lane.BULK]
    with start_worker(celery, queues=[bell.queue], pool="solo", perform_ping_check=False, shutdown_timeout=20):
        assert bells.ring(bell)
        assert rung.get(timeout=10) == "bulk"
        redis.flushall()
        assert bells.ring(bell)
        assert rung.get(timeout=10) == "bulk"
    with pytest.raises(Empty):
        rung.get_nowait()
