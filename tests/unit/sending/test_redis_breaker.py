"""An unavailable Redis is tried at intervals; other calls do not wait for it."""

import pytest
from redis import exceptions

from app.store.engine.redis import RedisBreaker


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Redis:
    """Counts the calls, and fails when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    def ask(self) -> str:
        self.asked += 1
        if self.error:
            raise self.error
        return "answer"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def breaker(clock: Clock) -> RedisBreaker:
    return RedisBreaker(rest_s=3, clock=clock)


def ask(breaker: RedisBreaker, redis: Redis) -> str:
    return breaker.call(redis.ask, otherwise=lambda: "fallback")


def test_an_answer_is_passed_on(breaker: RedisBreaker, redis: Redis) -> None:
    """While Redis answers, the breaker changes nothing."""
    assert ask(breaker, redis) == "answer"
    assert not breaker.is_open


@pytest.mark.parametrize("error", [exceptions.ConnectionError(), exceptions.TimeoutError(), ConnectionResetError()])
def test_a_failure_is_asked_again_only_after_a_rest(
    breaker: RedisBreaker, redis: Redis, clock: Clock, error: Exception
) -> None:
    """After a failure no call waits for three seconds; then one caller tries, and its success closes the breaker."""
    redis.error = error
    assert [ask(breaker, redis) for _ in range(5)] == ["fallback"] * 5
    assert redis.asked == 1
    assert breaker.is_open
    clock.now = 3.0
    assert [ask(breaker, redis) for _ in range(5)] == ["fallback"] * 5
    assert redis.asked == 2
    redis.error = None
    clock.now = 6.0
    assert [ask(breaker, redis) for _ in range(5)] == ["answer"] * 5
    assert not breaker.is_open


def test_while_one_caller_tries_the_others_do_not_wait(breaker: RedisBreaker, redis: Redis, clock: Clock) -> None:
    """Only one caller probes a server that may hang."""
    redis.error = exceptions.TimeoutError()
    ask(breaker, redis)
    clock.now = 3.0
    during: list[str] = []

    def probe() -> str:
        during.append(ask(breaker, redis))
        return "answer"

    assert breaker.call(probe, otherwise=lambda: "fallback") == "answer"
    assert during == ["fallback"]


def test_an_error_that_redis_answers_with_leaves_it_closed(breaker: RedisBreaker, redis: Redis) -> None:
    """A wrong type or a full memory is an answer, and takes no time."""
    redis.error = exceptions.ResponseError("WRONGTYPE")
    assert ask(breaker, redis) == "fallback"
    assert not breaker.is_open


def test_a_fault_of_our_own_is_not_hidden(breaker: RedisBreaker, redis: Redis) -> None:
    """An exception that is not of Redis is raised."""
    redis.error = KeyError("bug")
    with pytest.raises(KeyError):
        ask(breaker, redis)


def test_each_answer_is_timed(clock: Clock, redis: Redis) -> None:
    """And each wait for none; a Redis that is not asked takes no time."""
    took: list[float] = []
    breaker = RedisBreaker(rest_s=3, clock=clock, observe=took.append)

    def slowly() -> str:
        clock.now += 0.25
        return redis.ask()

    breaker.call(slowly, otherwise=lambda: "fallback")
    redis.error = exceptions.TimeoutError()
    breaker.call(slowly, otherwise=lambda: "fallback")
    breaker.call(slowly, otherwise=lambda: "fallback")
    assert took == [0.25, 0.25]
