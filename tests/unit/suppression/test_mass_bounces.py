"""When bounces of one domain are a burst: many addresses, within minutes, and most of the emails to the domain."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.suppression.mass_bounces import BurstLimit, HardBounce, in_bursts, minute_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BREAKER = BurstLimit(limit=4, window=timedelta(minutes=10))


def bounce(second: int, address: str) -> HardBounce:
    return HardBounce(NOON + timedelta(seconds=second), f"{address}@example.net")


def names(found: frozenset[str]) -> str:
    return "".join(sorted(key.partition("@")[0] for key in found))


@pytest.mark.parametrize(
    "bounces, burst",
    [
        ([(0, "a"), (1, "b"), (2, "c")], ""),
        ([(0, "a"), (1, "b"), (2, "c"), (3, "d")], "abcd"),
        ([(0, "a"), (0, "b"), (0, "c"), (0, "d")], "abcd"),
        ([(0, "a"), (1, "b"), (2, "c"), (3, "a"), (4, "b")], ""),
        ([(0, "a"), (200, "b"), (400, "c"), (600, "d")], "abcd"),
        ([(0, "a"), (200, "b"), (400, "c"), (601, "d")], ""),
        ([(0, "a"), (200, "b"), (400, "c"), (600, "d"), (601, "e")], "abcde"),
        ([(0, "a"), (0, "b"), (0, "c"), (0, "d"), (700, "e")], "abcd"),
        ([(0, "a"), (700, "b"), (701, "c"), (702, "d"), (703, "e"), (1400, "f")], "bcde"),
    ],
)
def test_a_burst_is_many_addresses_within_minutes(bounces: list[tuple[int, str]], burst: str) -> None:
    """A burst has all addresses of the window, also those before the limit was reached, and none outside it."""
    assert names(in_bursts([bounce(*one) for one in bounces], {}, BREAKER)) == burst


@pytest.mark.parametrize("others, burst", [(0, "abcd"), (3, "abcd"), (4, ""), (1000, "")])
def test_a_burst_is_the_larger_share_of_the_emails(others: int, burst: str) -> None:
    """A few dead addresses among many delivered emails are normal for a large provider."""
    bounces = [bounce(second, address) for second, address in enumerate("abcd")]
    assert names(in_bursts(bounces, {minute_of(NOON): others}, BREAKER)) == burst
    assert names(in_bursts(bounces, {minute_of(NOON) - 1: others, minute_of(NOON) + 1: others}, BREAKER)) == "abcd"


def test_only_bounces_within_the_window_count_for_its_share() -> None:
    """Earlier bounces do not turn four addresses beside five delivered emails into a burst."""
    bounces = [bounce(second, address) for second, address in ((0, "z"), (1, "y"), *enumerate("abcd", 700))]
    assert names(in_bursts(bounces, {minute_of(NOON) + 11: 5}, BREAKER)) == ""
    assert names(in_bursts(bounces, {minute_of(NOON) + 11: 3}, BREAKER)) == "abcd"


@pytest.mark.parametrize("second, minute", [(0, 0), (59, 0), (60, 1), (119, 1), (120, 2), (86_399, 1439)])
def test_a_minute_has_sixty_seconds(second: int, minute: int) -> None:
    """Minutes are counted since 1970, as in SQL."""
    assert minute_of(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)) == minute


def test_a_limit_of_none_is_never_reached() -> None:
    """This setting turns the detection off."""
    assert in_bursts([], {}, BurstLimit(limit=0, window=timedelta(minutes=10))) == frozenset()
    bounces = [bounce(0, address) for address in "abcdef"]
    assert in_bursts(bounces, {}, BurstLimit(limit=0, window=timedelta(minutes=10))) == frozenset()


some_bounces = st.lists(st.builds(bounce, st.integers(0, 3000), st.sampled_from("abcdefgh")), max_size=14)


@given(bounces=some_bounces, others=st.dictionaries(st.integers(0, 50), st.integers(0, 6)), order=st.randoms())
def test_a_burst_does_not_depend_on_the_order(bounces: list[HardBounce], others: dict[int, int], order: object) -> None:
    """Nor on repetitions of an event; the result is the same as that of a check of every window."""
    emails = {minute_of(NOON) + minute: count for minute, count in others.items()}
    found = in_bursts(bounces, emails, BREAKER)
    again = [*bounces, *bounces]
    order.shuffle(again)  # type: ignore[attr-defined]
    assert in_bursts(again, emails, BREAKER) == found
    plainly: set[str] = set()
    for end in {one.at for one in bounces}:
        window = {one for one in bounces if end - BREAKER.window <= one.at <= end}
        since = minute_of(min(one.at for one in window))
        elsewhere = sum(count for minute, count in emails.items() if since <= minute <= minute_of(end))
        if len({one.key for one in window}) >= BREAKER.limit and len(window) > elsewhere:
            plainly |= {one.key for one in window}
    assert found == plainly
