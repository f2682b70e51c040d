"""How an entry of SES's list compares with ours, and when it outlives a removal: the rules alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.account.list_comparison import Known, ListingFate, ListingReason, Standing, judge, standing
from app.domain.message.address import parse_address
from app.domain.suppression.rules import ListEffect, Origin

REMOVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
KIM = parse_address("kim@example.net")
SIMULATOR = parse_address("bounce@simulator.amazonses.com")


@dataclass(frozen=True)
class Ours:
    origin: str


@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("reason", ["BOUNCE", "COMPLAINT"])
def test_an_entry_on_both_lists_has_the_same_reason_or_another(origin: Origin, reason: str) -> None:
    """Only a bounce and a complaint have a reason that SES knows; all other origins agree with any reason of SES."""
    other = {(Origin.BOUNCE, "COMPLAINT"), (Origin.COMPLAINT, "BOUNCE")}
    expected = Standing.OTHER_REASON if (origin, reason) in other else Standing.BOTH
    assert standing(KIM, reason, REMOVED, Known(ours=Ours(origin)), exempt=True) is expected


@pytest.mark.parametrize(
    "known, updated_at, expected",
    [
        (Known(), REMOVED, Standing.ONLY_AT_SES),
        (Known(removed_at=REMOVED), REMOVED - MINUTE, Standing.REMOVED_HERE),
        (Known(removed_at=REMOVED), REMOVED, Standing.REMOVED_HERE),
        (Known(removed_at=REMOVED), REMOVED + MINUTE, Standing.LISTED_AGAIN),
        (Known(removed_at=REMOVED, ours=Ours(Origin.MANUAL)), REMOVED - MINUTE, Standing.BOTH),
        (Known(removed_at=REMOVED, forgotten=True), REMOVED + MINUTE, Standing.FORGOTTEN),
        (Known(ours=Ours(Origin.SES_ACCOUNT), because_of_ses=True), REMOVED, Standing.FROM_SES),
        (Known(bounced_blameless=True), REMOVED, Standing.DISPUTED),
        (Known(bounced_blameless=True, removed_at=REMOVED), REMOVED, Standing.REMOVED_HERE),
        (Known(bounced_blameless=True, removed_at=REMOVED), REMOVED + MINUTE, Standing.LISTED_AGAIN),
        (Known(bounced_blameless=True, forgotten=True), REMOVED, Standing.FORGOTTEN),
        (Known(bounced_blameless=True, ours=Ours(Origin.BOUNCE)), REMOVED, Standing.BOTH),
        (
            Known(bounced_blameless=True, ours=Ours(Origin.SES_ACCOUNT), because_of_ses=True),
            REMOVED,
            Standing.DISPUTED,
        ),
    ],
)
def test_an_entry_only_at_ses_is_judged_by_the_last_removal(
    known: Known, updated_at: datetime, expected: Standing
) -> None:
    """If older than a person's removal it is to be deleted, if newer it is looked up; without a removal it counts."""
    assert standing(KIM, "BOUNCE", updated_at, known, exempt=True) is expected


def test_the_mailbox_simulator_is_exempt_as_the_setting_says() -> None:
    """Where it is not exempt, it is an address like any other."""
    assert standing(SIMULATOR, "BOUNCE", REMOVED, Known(), exempt=True) is Standing.EXEMPT
    assert standing(SIMULATOR, "BOUNCE", REMOVED, Known(), exempt=False) is Standing.ONLY_AT_SES
    assert standing(None, "BOUNCE", REMOVED, Known(), exempt=True) is Standing.NO_ADDRESS


def verdict(
    *,
    listed: timedelta,
    by_email: bool = True,
    left: timedelta | None = None,
    old: timedelta = HOUR,
    effects: Iterable[ListEffect] = (),
    removed_at: datetime | None = REMOVED,
) -> ListingFate:
    """Return the verdict on an entry, from the times of its listing and of its email after the removal, and its age."""
    left_at = None if left is None else REMOVED + left
    evidence = ListingReason(
        updated_at=REMOVED + listed, by_email=by_email, email_left_at=left_at, effects=frozenset(effects)
    )
    return judge(removed_at, evidence, now=REMOVED + listed + old)


def test_only_an_email_sent_after_the_removal_outlives_it() -> None:
    """By the time of our email; while that is unknown, by SES's time, after an hour's wait if an email caused it."""
    assert verdict(listed=-MINUTE, by_email=False) is ListingFate.REMOVE
    assert verdict(listed=timedelta(0), by_email=False) is ListingFate.REMOVE
    assert verdict(listed=HOUR, left=timedelta(0)) is ListingFate.REMOVE
    assert verdict(listed=HOUR, left=MINUTE) is ListingFate.SUPPRESS
    assert verdict(listed=HOUR, old=HOUR - MINUTE) is ListingFate.WAIT
    assert verdict(listed=HOUR, old=HOUR) is ListingFate.SUPPRESS
    assert verdict(listed=HOUR, by_email=False, old=MINUTE) is ListingFate.SUPPRESS


@pytest.mark.parametrize("effect", list(ListEffect))
@pytest.mark.parametrize("removed_at", [None, REMOVED], ids=["never removed", "removed"])
def test_the_bounces_of_the_email_decide_as_they_were_read_here(
    effect: ListEffect, removed_at: datetime | None
) -> None:
    """A bounce that suppresses keeps the entry; one that does not takes the address off SES's list at once."""
    expected = ListingFate.SUPPRESS if effect is ListEffect.SUPPRESS else ListingFate.REMOVE
    for old in (MINUTE, HOUR):
        assert verdict(listed=HOUR, left=MINUTE, old=old, effects=[effect], removed_at=removed_at) is expected


def test_one_bounce_of_the_email_that_suppresses_is_enough() -> None:
    """An email may bounce twice; the stronger reading counts. A removal after the email still outweighs both."""
    both = [ListEffect.RAISE_INCIDENT, ListEffect.SUPPRESS]
    assert verdict(listed=HOUR, left=MINUTE, effects=both) is ListingFate.SUPPRESS
    assert verdict(listed=HOUR, left=-MINUTE, effects=both) is ListingFate.REMOVE


def test_a_bounce_that_is_not_read_yet_is_waited_for() -> None:
    """Without a removal, an email of ours whose bounce is unknown decides nothing for an hour."""
    assert verdict(listed=HOUR, left=MINUTE, old=HOUR - MINUTE, removed_at=None) is ListingFate.WAIT
    assert verdict(listed=HOUR, left=MINUTE, old=HOUR, removed_at=None) is ListingFate.SUPPRESS
    assert verdict(listed=HOUR, by_email=False, old=MINUTE, removed_at=None) is ListingFate.SUPPRESS
