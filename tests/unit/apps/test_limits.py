"""The limits of an application: what counts in which second and day, and when a refused request may come again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.domain.apps.limits import MOST, Limits, Usage, Window, spend
from app.domain.errors import Allowance, RateLimitExceeded

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)
EVENING = datetime(2027, 3, 1, 23, 59, 59, 500_000, tzinfo=UTC)
LONG_AGO = Window(datetime(1970, 1, 1, tzinfo=UTC), 7)
NOTHING = Usage(LONG_AGO, LONG_AGO)


def used(second: int = 0, day: int = 0) -> Usage:
    """Return the usage of a second that began at noon, and of that day."""
    return Usage(Window(NOON, second), Window(MIDNIGHT, day))


def after(**time: float) -> datetime:
    """Return a time after noon."""
    return NOON + timedelta(**time)


@pytest.mark.parametrize(
    "usage, now, expected",
    [
        (NOTHING, NOON, used(3, 3)),
        (used(5, 9), NOON, used(8, 12)),
        (used(5, 9), after(microseconds=999_999), used(8, 12)),
        (used(5, 9), after(seconds=1), Usage(Window(after(seconds=1), 3), Window(MIDNIGHT, 12))),
        (used(5, 9), after(hours=12), Usage(Window(after(hours=12), 3), Window(after(hours=12), 3))),
        (used(5, 9), after(seconds=-2), used(8, 12)),
        (used(5, 9), after(days=-1), used(8, 12)),
    ],
    ids=[
        "the first",
        "in the second",
        "at its end",
        "after it",
        "at midnight",
        "a late transaction",
        "a clock set back",
    ],
)
def test_recipients_count_in_a_second_and_in_a_day_of_utc(usage: Usage, now: datetime, expected: Usage) -> None:
    """A second begins with its first email. A time before the window counts in it, and opens no older one."""
    assert spend(usage, Limits(100, 100), 3, now=now) == expected


@pytest.mark.parametrize(
    "limits, usage, recipients, now, allowance, retry_after",
    [
        (Limits(per_second=10), used(8, 8), 3, NOON, Allowance(10, 2, 1), 1),
        (Limits(per_second=10), used(10, 10), 1, after(seconds=0.9), Allowance(10, 0, 1), 1),
        (Limits(per_day=10), used(1, 8), 3, NOON, Allowance(10, 2, 43_200), 43_200),
        (Limits(per_day=10), Usage(LONG_AGO, Window(MIDNIGHT, 10)), 1, EVENING, Allowance(10, 0, 1), 1),
        (Limits(2, 10), used(2, 10), 1, NOON, Allowance(10, 0, 43_200), 43_200),
        (Limits(per_day=5), used(0, 9), 1, NOON, Allowance(5, 0, 43_200), 43_200),
        (Limits(per_second=10), used(1, 1), 10, NOON, Allowance(10, 9, 1), 1),
        (Limits(per_second=10), used(0, 0), 11, NOON, Allowance(10, 10, 1), None),
        (Limits(per_day=10), used(0, 4), 11, NOON, Allowance(10, 6, 43_200), None),
        (Limits(2, 10), used(2, 9), 3, NOON, Allowance(2, 0, 1), None),
    ],
    ids=[
        "the second", "near its end", "the day", "near midnight", "both: the longer wait", "a limit set lower",
        "as many as a second has",
        "more than a second ever has", "more than a day ever has",
        "more than a second ever has, on a full day",
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_left_and_when_it_begins_anew(
    limits: Limits, usage: Usage, recipients: int, now: datetime, allowance: Allowance, retry_after: int | None
) -> None:
    """In whole seconds, rounded up. A request that no wait helps has no time to come again."""
    with pytest.raises(RateLimitExceeded) as refused:
        spend(usage, limits, recipients, now=now)
    assert (refused.value.allowance, refused.value.retry_after) == (allowance, retry_after)


@pytest.mark.parametrize(
    "limits, recipients, detail",
    [
        (
            Limits(per_second=10),
            3,
            "The application's limit of recipients a second is 10, with 2 left. This request has 3.",
        ),
        (
            Limits(per_day=10),
            11,
            "The application's limit of recipients a day is 10, with 2 left. This request has 11: split it.",
        ),
    ],
)
def test_a_refusal_says_it_in_words(limits: Limits, recipients: int, detail: str) -> None:
    """With what to do where no wait helps."""
    with pytest.raises(RateLimitExceeded) as refused:
        spend(used(8, 8), limits, recipients, now=NOON)
    assert refused.value.detail == detail


def test_the_highest_limit_fits_its_column() -> None:
    """An integer of 32 bits."""
    assert MOST < 2**31


def test_a_request_that_fits_exactly_is_accepted() -> None:
    """The limit itself is allowed."""
    assert spend(used(8, 8), Limits(10, 10), 2, now=NOON) == used(10, 10)


REQUESTS = some.lists(
    some.tuples(some.floats(min_value=0, max_value=3, allow_nan=False), some.integers(min_value=1, max_value=6)),
    max_size=60,
)


@given(REQUESTS, some.integers(min_value=1, max_value=20), some.integers(min_value=1, max_value=60))
def test_no_second_and_no_day_has_more_than_its_limit(
    requests: list[tuple[float, int]], per_second: int, per_day: int
) -> None:
    """Whatever comes; and a refused request counts nothing, and is accepted once it has waited as it was told."""
    usage, limits, now = NOTHING, Limits(per_second, per_day), EVENING
    accepted: list[tuple[datetime, datetime, int]] = []
    for pause, recipients in requests:
        now += timedelta(seconds=pause)
        try:
            usage = spend(usage, limits, recipients, now=now)
        except RateLimitExceeded as refused:
            if refused.retry_after is not None:
                spend(usage, limits, recipients, now=now + timedelta(seconds=refused.retry_after))
            continue
        accepted.append((usage.second.began, usage.day.began, recipients))
    for place, limit in ((0, per_second), (1, per_day)):
        windows = {one[place] for one in accepted}
        assert all(sum(one[2] for one in accepted if one[place] == window) <= limit for window in windows)
    begins = sorted({one[0] for one in accepted})
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in pairwise(begins))
