"""The note of SES's answer in the flight recorder, written by one version and read by another."""

import pytest

from app.domain.sending.call_outcome import Accepted, Ambiguous, Outcome, Refused, Retry, Throttled, Tripped
from app.services.sending.call_results import noted, recalled
from app.store.sending.flight_recorder import RecordedAnswer

OUTCOMES: list[Outcome] = [
    Accepted("0100"),
    Retry("Away."),
    Throttled("Slow."),
    Refused("No."),
    Tripped("account", "Off."),
    Ambiguous("Silence."),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_a_note_gives_the_outcome_back(outcome: Outcome) -> None:
    """What one process notes, the process after it reads."""
    assert recalled(noted(outcome)) == outcome


def test_a_note_of_an_earlier_version_still_counts_as_not_sent() -> None:
    """Versions up to 0.1.0 wrote `paused`; read as unknown, the email would be held as perhaps sent."""
    assert recalled(RecordedAnswer("paused", ("account", "Off."))) == Tripped("account", "Off.")


def test_a_note_of_a_later_version_counts_as_unknown() -> None:
    """An answer that this version does not know may mean that the email was sent."""
    assert isinstance(recalled(RecordedAnswer("deferred", ("later",))), Ambiguous)
