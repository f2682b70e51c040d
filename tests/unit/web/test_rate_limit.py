"""The request rate of an application: never more than the limit in a second, and all of it again after a pause."""

from uuid import UUID

from app.domain.apps.callers import Caller
from app.web.http.rate_limit import Rate


class Clock:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def caller(number: int = 1) -> Caller:
    return Caller(
        actor="key:test",
        app_id=UUID(int=number),
        app=f"app-{number}",
        scopes=frozenset(),
        senders=(),
        default_lane="transactional",
    )


def test_no_second_has_more_than_the_rate() -> None:
    """At ten per second, ten requests pass and the eleventh does not; a refused request is not counted."""
    rate = Rate(10, monotonic=Clock())
    assert [rate.spend(caller()) for _ in range(12)] == [True] * 10 + [False] * 2
    assert rate.allowance(caller()).remaining == 0


def test_the_window_slides() -> None:
    """Requests of the previous second count in proportion, so that no burst of twice the rate passes at its end."""
    clock = Clock()
    rate = Rate(10, monotonic=clock)
    assert all(rate.spend(caller()) for _ in range(10))
    clock.at = 101.0
    assert not rate.spend(caller())
    clock.at = 101.5
    assert rate.allowance(caller()).remaining == 5
    assert [rate.spend(caller()) for _ in range(6)] == [True] * 5 + [False]


def test_a_pause_gives_all_of_it_back() -> None:
    """After two seconds without a request no earlier one counts."""
    clock = Clock()
    rate = Rate(10, monotonic=clock)
    assert all(rate.spend(caller()) for _ in range(10))
    clock.at = 102.0
    assert rate.allowance(caller()).remaining == 10


def test_each_application_has_its_own() -> None:
    """An application that has used up its rate does not affect others."""
    rate = Rate(1, monotonic=Clock())
    assert rate.spend(caller(1))
    assert not rate.spend(caller(1))
    assert rate.spend(caller(2))
    assert rate.allowance(caller(3)).remaining == 1
