"""How an entry of SES's list stands beside ours, and when it outlives a removal: the rules alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.address import parse_address
from app.domain.ses_list import Evidence, Known, Standing, Verdict, judge, standing
from app.domain.suppression import Origin

REMOVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
KIM = parse_address("kim@example.net")
SIMULATOR = parse_address("bounce@simulator.amazonses.com")


@dataclass(frozen=True)
class Ours:
    origin: str


@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("reason", ["BOUNCE", "COMPLAINT"])
def test_what_is_on_both_lists_is_there_for_the_same_reason_or_another(origin: Origin, reason: str) -> None:
    """Only a bounce and a complaint have a reason that SES knows; all others agree with whatever SES says."""
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
    ],
)
def test_an_entry_of_ses_alone_stands_by_the_last_removal(
    known: Known, updated_at: datetime, expected: Standing
) -> None:
    """Older than a person's removal, it is to go; newer, it has to be asked about; without one it counts."""
    assert standing(KIM, "BOUNCE", updated_at, known, exempt=True) is expected


def test_the_mailbox_simulator_is_exempt_as_the_setting_says() -> None:
    """Where it is not exempt, it is an address like any other."""
    assert standing(SIMULATOR, "BOUNCE", REMOVED, Known(), exempt=True) is Standing.EXEMPT
    assert standing(SIMULATOR, "BOUNCE", REMOVED, Known(), exempt=False) is Standing.ONLY_AT_SES
    assert standing(None, "BOUNCE", REMOVED, Known(), exempt=True) is Standing.NO_ADDRESS


def verdict(
    *, listed: timedelta, by_mail: bool = True, left: timedelta | None = None, old: timedelta = HOUR
) -> Verdict:
    """On an entry that was listed, and whose mail left, so long after the removal; it is so old now."""
    left_at = None if left is None else REMOVED + left
    evidence = Evidence(updated_at=REMOVED + listed, by_mail=by_mail, mail_left_at=left_at)
    return judge(REMOVED, evidence, now=REMOVED + listed + old)


def test_only_what_left_after_the_removal_outlives_it() -> None:
    """By the mail where it is ours; by SES's word where no mail of ours is behind it, an hour later if one might be."""
    assert verdict(listed=-MINUTE, by_mail=False) is Verdict.REMOVE
    assert verdict(listed=timedelta(0), by_mail=False) is Verdict.REMOVE
    assert verdict(listed=HOUR, left=timedelta(0)) is Verdict.REMOVE
    assert verdict(listed=HOUR, left=MINUTE) is Verdict.SUPPRESS
    assert verdict(listed=HOUR, old=HOUR - MINUTE) is Verdict.WAIT
    assert verdict(listed=HOUR, old=HOUR) is Verdict.SUPPRESS
    assert verdict(listed=HOUR, by_mail=False, old=MINUTE) is Verdict.SUPPRESS
