"""The request rate of an application: never more in a second than it may, and all of it again a while later."""

from uuid import UUID

from app.domain.callers import Caller
from app.web.rate import Rate


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
    """Ten a second: ten go through and the eleventh does not, and what is refused is not counted."""
    rate = Rate(10, monotonic=Clock())
    assert [rate.spend(caller()) for _ in range(12)] == [True] * 10 + [False] * 2
    assert rate.allowance(caller()).remaining == 0


def test_the_window_slides() -> None:
    """Of the second before counts the part that the window still covers: no burst of twice the rate at a turn."""
    clock = Clock()
    rate = Rate(10, monotonic=clock)
    assert all(rate.spend(caller()) for _ in range(10))
    clock.at = 101.0
    assert not rate.spend(caller())
    clock.at = 101.5
    assert rate.allowance(caller()).remaining == 5
    assert [rate.spend(caller()) for _ in range(6)] == [True] * 5 + [False]


def test_a_pause_gives_all_of_it_back() -> None:
    """After two seconds without a request nothing of the past counts."""
    clock = Clock()
    rate = Rate(10, monotonic=clock)
    assert all(rate.spend(caller()) for _ in range(10))
    clock.at = 102.0
    assert rate.allowance(caller()).remaining == 10


def test_each_application_has_its_own() -> None:
    """One that has spent all of it holds up no other."""
    rate = Rate(1, monotonic=Clock())
    assert rate.spend(caller(1))
    assert not rate.spend(caller(1))
    assert rate.spend(caller(2))
    assert rate.allowance(caller(3)).remaining == 1
