"""When the bounces of one domain are a burst: many addresses, within minutes, and most of its mail."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bursts import Breaker, HardBounce, in_bursts, minute_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BREAKER = Breaker(limit=4, window=timedelta(minutes=10))


def bounce(second: int, address: str) -> HardBounce:
    return HardBounce(NOON + timedelta(seconds=second), f"{address}@example.net")


def names(found: frozenset[str]) -> str:
    return "".join(sorted(key.partition("@")[0] for key in found))


@pytest.mark.parametrize(
    "told, burst",
    [
        ([(0, "a"), (1, "b"), (2, "c")], ""),
        ([(0, "a"), (1, "b"), (2, "c"), (3, "d")], "abcd"),
        ([(0, "a"), (0, "b"), (0, "c"), (0, "d")], "abcd"),
        ([(0, "a"), (1, "b"), (2, "c"), (3, "a"), (4, "b")], ""),
        ([(0, "a"), (200, "b"), (400, "c"), (600, "d")], "abcd"),
        ([(0, "a"), (200, "b"), (400, "c"), (601, "d")], ""),
        ([(0, "a"), (200, "b"), (400, "c"), (600, "d"), (601, "e")], "abcde"),
        ([(0, "a"), (700, "b"), (701, "c"), (702, "d"), (703, "e"), (1400, "f")], "bcde"),
    ],
)
def test_a_burst_is_many_addresses_within_minutes(told: list[tuple[int, str]], burst: str) -> None:
    """All of the window, those before the limit was reached as well; nobody outside it."""
    assert names(in_bursts([bounce(*one) for one in told], {}, BREAKER)) == burst


@pytest.mark.parametrize("others, burst", [(0, "abcd"), (3, "abcd"), (4, ""), (1000, "")])
def test_a_burst_is_the_larger_share_of_the_mail(others: int, burst: str) -> None:
    """A few dead addresses among much delivered mail are what every large provider has."""
    told = [bounce(second, address) for second, address in enumerate("abcd")]
    assert names(in_bursts(told, {minute_of(NOON): others}, BREAKER)) == burst
    assert names(in_bursts(told, {minute_of(NOON) - 1: others, minute_of(NOON) + 1: others}, BREAKER)) == "abcd"


def test_a_limit_of_none_is_never_reached() -> None:
    """The setting that turns it off."""
    assert in_bursts([], {}, Breaker(limit=0, window=timedelta(minutes=10))) == frozenset()
    told = [bounce(0, address) for address in "abcdef"]
    assert in_bursts(told, {}, Breaker(limit=0, window=timedelta(minutes=10))) == frozenset()


told_bounces = st.lists(st.builds(bounce, st.integers(0, 3000), st.sampled_from("abcdefgh")), max_size=14)


@given(told=told_bounces, others=st.dictionaries(st.integers(0, 50), st.integers(0, 6)), order=st.randoms())
def test_a_burst_does_not_depend_on_the_order(told: list[HardBounce], others: dict[int, int], order: object) -> None:
    """Nor on how often each is told; and it is what looking at every window one by one would find."""
    mails = {minute_of(NOON) + minute: count for minute, count in others.items()}
    found = in_bursts(told, mails, BREAKER)
    again = [*told, *told]
    order.shuffle(again)  # type: ignore[attr-defined]
    assert in_bursts(again, mails, BREAKER) == found
    plainly: set[str] = set()
    for end in {one.at for one in told}:
        window = {one for one in told if end - BREAKER.window <= one.at <= end}
        since = minute_of(min(one.at for one in window))
        elsewhere = sum(count for minute, count in mails.items() if since <= minute <= minute_of(end))
        if len({one.key for one in window}) >= BREAKER.limit and len(window) > elsewhere:
            plainly |= {one.key for one in window}
    assert found == plainly
