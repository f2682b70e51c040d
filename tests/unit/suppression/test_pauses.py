"""How long the bounces of an address pause it, and when they suppress it: the rules alone."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.suppression.pauses import SOURCE, AddressPause, CountedBounce, Weight, pause_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EVER = datetime.min.replace(tzinfo=UTC)
DAY, HOUR, WEEK = timedelta(days=1), timedelta(hours=1), timedelta(days=7)


def bounce(hours: float, weight: Weight = Weight.SOFT, *, sent: float | None = None) -> CountedBounce:
    """A bounce so many hours after noon, of an email that had left an hour before, or `sent` hours after noon."""
    at = NOON + timedelta(hours=hours)
    return CountedBounce(at, at - HOUR if sent is None else NOON + timedelta(hours=sent), weight)


def pause(
    *bounces: CountedBounce, earlier: int = 0, fresh_since: datetime = EVER, others: datetime | None = None
) -> AddressPause | None:
    return pause_of(bounces, fresh_since=fresh_since, earlier_pauses=earlier, others_delivered_at=others)


def until(found: AddressPause | None) -> datetime | None:
    assert found is not None
    return found.until


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_pause_doubles_with_each_that_was_served(bounced: int, served: int) -> None:
    """Below three emails there is none; then it takes 14 days, doubled by each earlier one, at most 448 days."""
    found = pause(*[bounce(0)] * bounced, earlier=served)
    if bounced < 3:
        assert found is None
    else:
        assert (until(found), found and found.emails) == (NOON + timedelta(days=14 * 2 ** min(served, 5)), bounced)


@given(st.lists(st.integers(0, 500), max_size=12), st.randoms(use_true_random=False))
def test_a_pause_begins_with_the_last_bounce_that_reached_a_limit(hours: list[int], order: Random) -> None:
    """The limits are three within seven days and five in a row. The order in which they arrive does not matter."""
    times = sorted(NOON + timedelta(hours=hour) for hour in hours)
    begins = [one for one in times if sum(one - WEEK <= other <= one for other in times) >= 3]
    if len(times) >= 5:
        begins.append(times[-1])
    bounces = [bounce(hour) for hour in hours]
    order.shuffle(bounces)
    found = pause(*bounces)
    assert (found.until if found else None) == max((one + 14 * DAY for one in begins), default=None)


@pytest.mark.parametrize(
    "hours, emails",
    [
        ([0, 1, 168], 3),
        ([0, 1, 2, 168], 4),
        ([0, 100, 168, 168], 4),
        ([0, 1, 168, 169], 3),
        ([0, 1, 2, 500], 3),
        ([0, 1, 169], None),
    ],
)
def test_a_pause_counts_the_emails_of_the_week_before_it(hours: list[int], emails: int | None) -> None:
    """Both ends of the seven days belong to them; what came before, or alone after, is not counted."""
    found = pause(*map(bounce, hours))
    assert (found.emails if found else None) == emails
    assert found is None or found.reason == f"{emails} emails bounced softly within 7 days."


def test_a_weekly_email_that_never_arrives_pauses_the_address_too() -> None:
    """Four failures a week and a day apart do nothing, the fifth pauses, although no three lie within seven days."""
    weekly = [bounce(8 * 24 * number) for number in range(5)]
    assert pause(*weekly[:4]) is None
    found = pause(*weekly)
    assert until(found) == NOON + 32 * DAY + 14 * DAY
    assert found
    assert found.reason == "5 emails in a row bounced softly, and none was delivered between them."


def test_the_pauses_of_a_weekly_email_grow() -> None:
    """Bounces until the end of the last pause have led to it, so five more are needed; the next pause is longer."""
    weekly = [bounce(8 * 24 * number) for number in range(10)]
    ended = NOON + 32 * DAY + HOUR
    assert pause(*weekly[:9], fresh_since=ended, earlier=1) is None
    assert until(pause(*weekly, fresh_since=ended, earlier=1)) == NOON + 72 * DAY + 28 * DAY


def test_one_refusal_that_is_not_understood_pauses_at_once() -> None:
    """A living person comes back after the pause, and SES sees no repeat meanwhile."""
    found = pause(bounce(0, Weight.REFUSED))
    assert until(found) == NOON + 14 * DAY
    assert found
    assert found.reason == "An email was refused for good, for a reason that is not clear."
    assert until(pause(bounce(0, Weight.REFUSED), earlier=2)) == NOON + 56 * DAY


@pytest.mark.parametrize("weight", [Weight.REFUSED, Weight.GLOBAL_LIST])
def test_a_pause_at_once_follows_from_one_email(weight: Weight) -> None:
    """And says so."""
    found = pause(bounce(0, weight))
    assert found is not None
    assert found.emails == 1


def test_a_bounce_counts_as_a_soft_one_where_nothing_else_is_said() -> None:
    """One alone pauses no address."""
    assert CountedBounce(NOON, NOON - HOUR).weight is Weight.SOFT
    assert pause(CountedBounce(NOON, NOON - HOUR)) is None


@pytest.mark.parametrize("late_by_s, pauses", [(0, False), (1, True)])
def test_bounces_until_the_end_of_a_pause_have_led_to_it(late_by_s: int, pauses: bool) -> None:
    """Only those after it count for the next."""
    ended = NOON - timedelta(seconds=late_by_s)
    assert (pause(bounce(0), bounce(1), bounce(2), fresh_since=ended) is not None) is pauses


def test_stored_pauses_are_found_by_their_source() -> None:
    """The word is in the entries of the list, so it does not change."""
    assert SOURCE == "soft_bounces"


def test_a_second_refusal_of_a_later_email_suppresses_for_good() -> None:
    """Whether the pause between them has ended or not; soft bounces beside them change nothing."""
    first, second = bounce(0, Weight.REFUSED), bounce(500, Weight.REFUSED)
    for fresh_since in (EVER, NOON + 14 * DAY):
        found = pause(first, bounce(3), second, bounce(600), fresh_since=fresh_since, earlier=1)
        assert found == AddressPause(
            until=None, emails=2, reason="2 emails were refused for good, and none was delivered between them."
        )


def test_an_email_that_was_under_way_at_the_first_refusal_proves_nothing_more() -> None:
    """Both may have met the same trouble. The pause begins with the later refusal."""
    both = [bounce(0, Weight.REFUSED), bounce(2, Weight.REFUSED, sent=0)]
    assert until(pause(*both)) == NOON + 2 * HOUR + 14 * DAY
    later = bounce(3, Weight.REFUSED, sent=0.5)
    assert until(pause(*both, later)) is None


def test_the_list_of_all_senders_pauses_and_never_suppresses() -> None:
    """SES forgets the bounce of another sender, so the address may be written to again, however often it happens."""
    seen = [bounce(400 * number, Weight.GLOBAL_LIST) for number in range(4)]
    found = pause(*seen, fresh_since=NOON + timedelta(hours=900), earlier=2)
    assert until(found) == NOON + timedelta(hours=1200) + 56 * DAY
    assert found
    assert found.reason.startswith("SES did not try")


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(list(Weight))), max_size=10),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_never_changes_a_pause(given: list[tuple[int, Weight]], order: Random) -> None:
    """SNS may deliver the bounces in any order."""
    bounces = [bounce(hours, weight) for hours, weight in given]
    expected = pause(*bounces)
    order.shuffle(bounces)
    found = pause(*bounces)
    assert (found and found.until, found is None) == (expected and expected.until, expected is None)


def test_the_effect_names_the_end() -> None:
    """A person reads until when the address is paused, or that only a delivery ends it."""
    paused, suppressed = pause(bounce(0, Weight.REFUSED)), pause(bounce(0, Weight.REFUSED), bounce(9, Weight.REFUSED))
    assert paused
    assert paused.effect == "The address is paused until 2026-05-15."
    assert suppressed
    assert suppressed.effect == "The address is suppressed, until an email to it is delivered."


@pytest.mark.parametrize(
    "refusals, others, paused",
    [
        (3, NOON + HOUR, True),
        (7, NOON + 400 * HOUR, True),
        (2, NOON + HOUR, False),
        (9, None, False),
        (9, NOON - HOUR, False),
        (9, NOON, False),
    ],
)
def test_refusals_laid_to_us_pause_a_mailbox_whose_neighbours_get_email(
    refusals: int, others: datetime | None, *, paused: bool
) -> None:
    """Three in a row, and a delivery to another address of the domain since the first; else the fault is ours."""
    bounces = [bounce(100 * number, Weight.LAID_TO_US) for number in range(refusals)]
    found = pause(*bounces, others=others)
    assert (found is not None) == paused
    if found is not None:
        assert (found.until, found.emails) == (bounces[-1].occurred_at + 14 * DAY, refusals)
        assert "while others of its domain got email" in found.reason


def test_refusals_laid_to_us_are_no_soft_bounces() -> None:
    """Neither towards three in a week nor towards five in a row."""
    laid = [bounce(number, Weight.LAID_TO_US) for number in range(8)]
    assert pause(*laid, bounce(9), bounce(10)) is None
    assert pause(*laid, bounce(9), bounce(10), bounce(11)) is not None
