"""The positives of the suppression list in a real Valkey: a hint that says when it cannot answer."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from app.store.engine.redis import RedisBreaker, connect
from app.store.suppression.positive_cache import Positives
from tests.support.servers.valkey import failing_valkey

KEY = b"k" * 32


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """With a generous time limit, so that a busy machine does not look like an absent Redis."""
    with connect(redis_url, patience_s=5) as client:
        yield client


@pytest.fixture
def positives(redis: Redis) -> Positives:
    """Over a Redis that is warm and empty."""
    positives = Positives(redis, key=KEY, breaker=RedisBreaker())
    assert positives.rebuild([])
    return positives


def test_only_added_keys_are_found(positives: Positives) -> None:
    """A look-up returns those of its keys that were added, in one answer for the whole batch."""
    suppressed = [f"gone{number}@example.org" for number in range(2500)]
    assert positives.add(suppressed)
    asked = [*suppressed[::25], *(f"here{number}@example.org" for number in range(100))]
    assert positives.look_up(asked) == frozenset(suppressed[::25])


def test_a_removed_key_is_not_found(positives: Positives) -> None:
    """A key that was unsuppressed leaves, and the others stay."""
    positives.add(["ann@example.org", "bob@example.org"])
    assert positives.remove(["ann@example.org", "never@example.org"])
    assert positives.look_up(["ann@example.org", "bob@example.org"]) == frozenset({"bob@example.org"})


def test_an_empty_batch_finds_nothing(positives: Positives) -> None:
    """The answer is empty, not unknown."""
    assert positives.look_up([]) == frozenset()


def test_a_redis_that_forgot_the_script_is_asked_all_the_same(positives: Positives, redis: Redis) -> None:
    """One that was started anew has the keys of its disk, and no script."""
    positives.add(["ann@example.org"])
    redis.script_flush()
    assert positives.look_up(["ann@example.org"]) == frozenset({"ann@example.org"})


def test_redis_holds_no_address(positives: Positives, redis: Redis) -> None:
    """Neither a key nor a member shows any part of an address, and without our key nothing can be guessed."""
    positives.add(["ann.lee@example.org"])
    kept = {name: redis.smembers(name) for name in redis.scan_iter() if redis.type(name) == b"set"}
    assert len(kept) == 1
    assert b"ann" not in repr(kept).encode()
    assert b"example" not in repr(kept).encode()
    assert all(bytes(name).startswith(b"postern:") for name in redis.scan_iter())
    redis.delete("postern:positives:warm")
    other = Positives(redis, key=b"o" * 32, breaker=RedisBreaker())
    assert other.rebuild([])
    assert other.look_up(["ann.lee@example.org"]) == frozenset()


def test_a_redis_that_was_never_filled_gives_no_answer(redis: Redis) -> None:
    """Cold is not the same as clear, even after something was added."""
    cold = Positives(redis, key=KEY, breaker=RedisBreaker())
    assert cold.look_up(["ann@example.org"]) is None
    cold.add(["ann@example.org"])
    assert cold.look_up(["ann@example.org"]) is None


def test_a_flush_is_noticed_and_repaired(positives: Positives, redis: Redis) -> None:
    """After a flush SQL is asked until everything is there again."""
    positives.add(["ann@example.org"])
    redis.flushall()
    assert positives.look_up(["ann@example.org"]) is None
    assert positives.rebuild(iter(["ann@example.org", "bob@example.org"]))
    assert positives.look_up(["ann@example.org", "cy@example.org"]) == frozenset({"ann@example.org"})
    assert redis.ttl("postern:positives:warm") == -1


def test_a_flush_during_a_rebuild_leaves_redis_cold(redis: Redis) -> None:
    """Keys written before the flush are gone, so the rebuild does not claim to be complete."""
    positives = Positives(redis, key=KEY, breaker=RedisBreaker())

    def interrupted() -> Iterator[str]:
        yield from (f"user{number}@example.org" for number in range(1500))
        redis.flushall()
        yield "last@example.org"

    assert positives.rebuild(interrupted()) is False
    assert positives.look_up(["user1@example.org"]) is None


def test_a_redis_that_is_silent_for_a_moment_does_not_end_a_rebuild() -> None:
    """A fill of many writes waits and goes on, and the delayed writes are not missing."""
    with failing_valkey() as valkey:
        slept = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            valkey.thaw()
            time.sleep(seconds)

        def keys() -> Iterator[str]:
            yield from (f"user{number}@example.org" for number in range(1000))
            valkey.freeze()
            yield "last@example.org"

        client = connect(valkey.url, patience_s=1.0)
        positives = Positives(client, key=KEY, breaker=RedisBreaker(rest_s=0.1), sleep=sleep)
        assert positives.rebuild(keys())
        assert slept
        wanted = frozenset({"user1@example.org", "last@example.org"})
        assert positives.look_up([*wanted, "nobody@example.org"]) == wanted


def test_another_key_finds_redis_cold(positives: Positives, redis: Redis) -> None:
    """Digests under a former key are not taken for an answer."""
    positives.add(["ann@example.org"])
    assert Positives(redis, key=b"new" * 8, breaker=RedisBreaker()).look_up(["ann@example.org"]) is None


def test_a_poisoned_bucket_gives_no_answer(positives: Positives, redis: Redis) -> None:
    """A key of the wrong type gives no answer; a failed write to it makes Redis cold for all addresses."""
    positives.add(["ann@example.org"])
    [bucket] = [name for name in redis.scan_iter() if redis.type(name) == b"set"]
    redis.delete(bucket)
    redis.set(bucket, "poison")
    assert positives.look_up(["ann@example.org"]) is None
    assert positives.look_up(["bob@example.org"]) == frozenset()
    assert positives.add(["ann@example.org"]) is False
    assert positives.look_up(["bob@example.org"]) is None


def test_a_redis_that_is_away_costs_one_short_wait() -> None:
    """Frozen or dead, Redis holds up one look-up for 50 ms; the others go to SQL at once, until it is back."""
    with failing_valkey() as valkey:
        rest_s = 0.5
        positives = Positives(connect(valkey.url), key=KEY, breaker=RedisBreaker(rest_s=rest_s))
        assert positives.rebuild(["ann@example.org"])
        valkey.freeze()
        started = time.monotonic()
        assert positives.look_up(["ann@example.org"]) is None
        assert time.monotonic() - started < rest_s
        started = time.monotonic()
        assert all(positives.look_up(["ann@example.org"]) is None for _ in range(100))
        assert time.monotonic() - started < rest_s
        assert positives.add(["bob@example.org"]) is False
        assert positives.rebuild(["bob@example.org"]) is False
        valkey.thaw()
        time.sleep(rest_s + 0.2)
        assert positives.look_up(["ann@example.org"]) is None, "bob is missing, so Redis is not whole"
        assert positives.rebuild(["ann@example.org", "bob@example.org"])
        assert positives.look_up(["bob@example.org"]) == frozenset({"bob@example.org"})
        valkey.kill()
        assert positives.look_up(["ann@example.org"]) is None


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.lists(st.sampled_from("abcdefgh"), max_size=4))))
def test_any_history_ends_in_the_same_set(redis: Redis, steps: list[tuple[str, list[str]]]) -> None:
    """For any sequence of adds and removals, Redis holds what a set would hold."""
    redis.flushall()
    positives = Positives(redis, key=KEY, breaker=RedisBreaker())
    positives.rebuild([])
    expected: frozenset[str] = frozenset()
    for step, keys in steps:
        if step == "add":
            positives.add(keys)
            expected |= frozenset(keys)
        else:
            positives.remove(keys)
            expected -= frozenset(keys)
    assert positives.look_up(list("abcdefgh")) == expected


def test_a_full_bucket_takes_ten_bytes_an_address(redis: Redis) -> None:
    """At the fill of ten million addresses, an address costs at most 16 bytes."""
    bucket = "postern:positives:0000"
    redis.sadd(bucket, *(number * 7919**4 % 2**63 for number in range(1, 153)))
    assert redis.object("encoding", bucket) == b"intset"
    assert (redis.memory_usage(bucket) or 0) <= 16 * 152
