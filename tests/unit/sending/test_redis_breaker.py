"""A dependency that is away is asked once in a while, and otherwise not waited for."""

import pytest
from redis import exceptions

from app.store.redis import Breaker


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Redis:
    """Counts how often it is asked, and fails as it is told to."""

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
def breaker(clock: Clock) -> Breaker:
    return Breaker(rest_s=3, clock=clock)


def ask(breaker: Breaker, redis: Redis) -> str:
    return breaker.call(redis.ask, otherwise=lambda: "fallback")


def test_an_answer_is_passed_on(breaker: Breaker, redis: Redis) -> None:
    """While Redis answers, the breaker is not noticed."""
    assert ask(breaker, redis) == "answer"
    assert not breaker.is_open


@pytest.mark.parametrize("error", [exceptions.ConnectionError(), exceptions.TimeoutError(), ConnectionResetError()])
def test_a_failure_is_asked_again_only_after_a_rest(
    breaker: Breaker, redis: Redis, clock: Clock, error: Exception
) -> None:
    """One failure spares everybody the wait for three seconds; then one caller tries, and success closes it."""
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


def test_while_one_caller_tries_the_others_do_not_wait(breaker: Breaker, redis: Redis, clock: Clock) -> None:
    """The probe of a server that may hang is one caller's, not everybody's."""
    redis.error = exceptions.TimeoutError()
    ask(breaker, redis)
    clock.now = 3.0
    during: list[str] = []

    def probe() -> str:
        during.append(ask(breaker, redis))
        return "answer"

    assert breaker.call(probe, otherwise=lambda: "fallback") == "answer"
    assert during == ["fallback"]


def test_an_error_that_redis_answers_with_leaves_it_closed(breaker: Breaker, redis: Redis) -> None:
    """A wrong type or a full memory is an answer, and costs no time."""
    redis.error = exceptions.ResponseError("WRONGTYPE")
    assert ask(breaker, redis) == "fallback"
    assert not breaker.is_open


def test_a_fault_of_our_own_is_not_hidden(breaker: Breaker, redis: Redis) -> None:
    """What has nothing to do with Redis is raised."""
    redis.error = KeyError("bug")
    with pytest.raises(KeyError):
        ask(breaker, redis)
