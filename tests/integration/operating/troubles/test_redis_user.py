"""The user of Redis that the docs describe: it may do all that Postern does, and no more."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from app.queue import SETTLE, Bells, Queue, make_celery
from app.store.account.call_slots import CallSlots
from app.store.engine import redis_trouble
from app.store.engine.redis import RedisBreaker, connect
from app.store.sending.send_rate import Pace
from app.store.suppression.positive_cache import Positives
from tests.support.redis.user import NAME, user_of_the_docs
from tests.support.servers.valkey import FailingValkey, failing_valkey

PASSWORD, KEY = "pA55word", "ann@example.net"
PATIENCE_S = 5.0


@pytest.fixture(scope="module")
def valkey() -> Iterator[FailingValkey]:
    with failing_valkey() as server:
        with Redis.from_url(server.url) as admin:
            admin.execute_command("ACL", "SETUSER", NAME, *user_of_the_docs(PASSWORD))
        yield server


@pytest.fixture
def url(valkey: FailingValkey) -> str:
    return valkey.url.replace("unix://", f"unix://{NAME}:{PASSWORD}@")


def test_positives_send_rate_and_checks_need_no_more(url: str) -> None:
    """Each way through each script, and each command of the list."""
    with connect(url, patience_s=PATIENCE_S) as redis:
        breaker = RedisBreaker()
        positives = Positives(redis, key=b"k", breaker=breaker)
        assert positives.rebuild([KEY])
        assert positives.add([KEY])
        assert positives.look_up([KEY]) == frozenset([KEY])
        assert positives.remove([KEY])
        pace = Pace(redis, breaker=breaker, workers=lambda: 1)
        assert pace.reserve(10, rate=100).count
        pace.give_back(3)
        pace.brake(0.001)
        assert CallSlots(redis, breaker=breaker)() is not None
        assert redis_trouble.of_positives(redis) is None
        assert redis_trouble.of_broker(redis) is None
        assert not redis_trouble.is_cluster(redis)


def test_bells_need_no_more(valkey: FailingValkey, url: str) -> None:
    """A bell rings, is taken, comes back from a worker that died, and is answered."""
    with connect(url, patience_s=PATIENCE_S) as redis, closing(make_celery(url)) as celery:
        bells = Bells(celery, redis, breaker=RedisBreaker())
        assert bells.ring(SETTLE)
        assert bells.any_rung([SETTLE])
        with celery.connection_for_read() as connection:
            assert taken(connection) is not None
            channel = connection.default_channel
            channel.qos.visibility_timeout = 0
            channel.qos.restore_visible(interval=1)
            again = taken(connection)
            assert again is not None
            channel.basic_ack(again.delivery_tag)
        bells.answered(SETTLE)
    with Redis.from_url(valkey.url) as admin:
        refused = {entry["object"] for entry in admin.acl_log()}
    assert refused <= {"client|setinfo"}  # which redis-py does without


@pytest.mark.parametrize(
    "words",
    [("SET", "elsewhere", "1"), ("CONFIG", "GET", "*"), ("FLUSHALL",), ("KEYS", "*"), ("PUBLISH", "postern:a", "1")],
)
def test_it_may_do_no_more(url: str, words: tuple[str, ...]) -> None:
    """Neither other keys, nor commands that read or change the server, nor channels."""
    with connect(url, patience_s=PATIENCE_S) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*words)


def taken(connection: Any) -> Any:
    """A message of the queue that is taken and not acknowledged."""
    return connection.default_channel.basic_get(Queue.FEEDBACK, no_ack=False)
