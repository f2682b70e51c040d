"""A Redis behind Sentinels, a real one: bells, positives and the checks follow the primary when it fails over."""

import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis

from app.queue import SETTLE, Bells, Queue, make_celery
from app.store.engine import redis_trouble
from app.store.engine.redis import RedisBreaker, connect
from app.store.suppression.positive_cache import Positives
from tests.support.redis.sentinels import Watched, watched_redis
from tests.support.servers.cli import until

PATIENCE_S = 5.0


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watched_redis() as servers:
        yield servers


def test_a_new_primary_is_found(watched: Watched) -> None:
    """The same clients write to it: a bell comes through it, positives are kept in it, and the check is content."""
    url, celery = watched.url(), make_celery(watched.url())
    with connect(url, patience_s=PATIENCE_S) as redis, closing(celery):
        breaker = RedisBreaker(rest_s=0)
        bells, positives = Bells(celery, redis, breaker=breaker), Positives(redis, key=b"k", breaker=breaker)
        assert positives.rebuild(["ann@example.net"])
        assert bells.ring(SETTLE)
        old = watched.fail_over(signal.SIGSTOP)
        until(lambda: redis_trouble.of_positives(redis) is None)
        until(lambda: positives.add(["bob@example.net"]))
        hits = positives.look_up(["ann@example.net", "bob@example.net", "kim@example.net"])
        assert sorted(hits or ()) == ["ann@example.net", "bob@example.net"]
        bells.answered(SETTLE)
        with Redis(port=watched.primary()) as primary:
            primary.flushall()
            until(lambda: bells.ring(SETTLE) and bool(primary.llen(f"postern:broker:{Queue.FEEDBACK}")))
        watched.send(old, signal.SIGCONT)
