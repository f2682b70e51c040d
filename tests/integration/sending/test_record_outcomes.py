"""What each outcome of a call makes of the recipient and of the attempt, and what follows from one not written."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
import structlog

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Ambiguous, Refused, Retry, Throttled, Tripped
from app.domain.sending.state_machine import State
from app.services.sending.call_results import FoundSuppressed, NotCalled, Report, Result
from app.services.sending.record import record_isolated
from app.store.sending import recipients
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.reports import claimed, record
from tests.support.gateway.rows import change, recipient_of, rows

LISTED = "The address is on the suppression list (bounce)."


@pytest.mark.parametrize(
    "result, state, reason, outcome",
    [
        (Accepted("ses-1"), State.SENT, None, "accepted"),
        (Refused("No."), State.FAILED, "No.", "rejected"),
        (Ambiguous("Silence."), State.UNCONFIRMED, "Silence.", "unknown"),
        (Retry("Odd."), State.RETRY_WAIT, "Odd.", "not_sent"),
        (Throttled("Slow."), State.RETRY_WAIT, "Slow.", "not_sent"),
        (Tripped("account", "Paused."), State.RETRY_WAIT, "Paused.", "not_sent"),
        (NotCalled("Away."), State.QUEUED, "Away.", "not_sent"),
        (FoundSuppressed("bounce"), State.SUPPRESSED, LISTED, "not_sent"),
    ],
    ids=str,
)
def test_each_outcome_has_its_state_and_closes_its_attempt(
    gateway: Gateway, result: Result, state: State, reason: str | None, outcome: str
) -> None:
    """The reason of both is that of the outcome; the answer to the call is the evidence."""
    email, report = claimed(gateway)
    record(gateway, report(result))
    row, [attempt] = recipient_of(gateway, email), rows(gateway, "attempts")
    assert (row.state, row.reason, row.lease_token) == (state, reason, None)
    assert (attempt["outcome"], attempt["reason"], attempt["evidence"]) == (outcome, reason, "response")
    assert attempt["ses_message_id"] == row.ses_message_id == ("ses-1" if state is State.SENT else None)


def test_an_email_that_ses_took_is_written_without_being_read_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as its claim holds it, the row is as the claim has read it."""

    def lock(*_: Any) -> Any:
        raise AssertionError("It was read again.")

    email, report = claimed(gateway)
    monkeypatch.setattr(recipients, "lock", lock)
    record(gateway, report(Accepted("ses-1")))
    assert recipient_of(gateway, email).state is State.SENT


@pytest.mark.parametrize("known, state", [(None, State.SENT), ("ses-1", State.FAILED)])
def test_a_late_acceptance_mends_a_failure_but_not_one_that_ses_reported(
    gateway: Gateway, known: str | None, state: State
) -> None:
    """With a message id, SES has taken the email and rejected it after that."""
    email, report = claimed(gateway)
    change(gateway, "recipients", {"state": State.FAILED, "lease_token": None, "ses_message_id": known})
    record(gateway, report(Accepted("ses-1")))
    row = recipient_of(gateway, email)
    assert (row.state, row.ses_message_id) == (state, "ses-1")


def reports_of(gateway: Gateway, *results: Result) -> list[Report]:
    for number in range(len(results)):
        submit(gateway, caller(gateway), f"r{number}@example.net")
    taken = take(gateway)
    pairs = zip(taken.emails, results, strict=True)
    return [Report(attempt=attempt, result=result) for attempt, result in pairs]


def test_a_batch_counts_what_ses_took_and_what_has_ended(gateway: Gateway) -> None:
    """Each recipient once, whichever way it was written."""
    record(gateway, *reports_of(gateway, Accepted("ses-1"), Accepted("ses-2"), Refused("No."), Retry("Odd.")))
    counted = {event: number for event, number in gateway.measure().events.items() if number}
    assert counted == {"accepted": 4, "sent": 2, "failed": 1}


class Writer:
    """Writes nothing: it fails for some recipients, with their errors, and keeps the recipients of each try."""

    def __init__(self, fails: Mapping[UUID, Exception]) -> None:
        self._fails = fails
        self.tried: list[list[UUID]] = []

    def __call__(self, reports: Sequence[Report]) -> None:
        ids = [report.attempt.recipient.id for report in reports]
        self.tried.append(ids)
        for one in ids:
            if one in self._fails:
                raise self._fails[one]


@pytest.mark.parametrize("many", [2, 3])
def test_of_many_reports_the_one_that_fails_is_logged_and_the_others_are_written(gateway: Gateway, many: int) -> None:
    """Each is tried again alone."""
    reports = reports_of(gateway, *[Retry("Odd.")] * many)
    ids = [report.attempt.recipient.id for report in reports]
    writer = Writer({ids[1]: ValueError()})
    with structlog.testing.capture_logs() as lines:
        record_isolated(reports, writer)
    assert writer.tried == [ids, *([one] for one in ids)]
    assert [(line["event"], line["recipient_id"], line["error"]) for line in lines] == [
        ("report_refused", str(ids[1]), "ValueError")
    ]


def test_a_single_report_that_fails_is_logged_and_not_tried_again(gateway: Gateway) -> None:
    """It would fail in the same way."""
    [report] = reports_of(gateway, Retry("Odd."))
    writer = Writer({report.attempt.recipient.id: ValueError()})
    with structlog.testing.capture_logs() as lines:
        record_isolated([report], writer)
    assert (len(writer.tried), [line["event"] for line in lines]) == (1, ["report_refused"])


@pytest.mark.parametrize("error", [ServiceUnavailable("Away."), KeyError("a fault of the code")], ids=repr)
def test_an_error_that_no_report_causes_is_raised(gateway: Gateway, error: Exception) -> None:
    """Also while each report is tried alone."""
    first, second = reports_of(gateway, *[Retry("Odd.")] * 2)
    faults = ValueError if isinstance(error, KeyError) else Exception
    writer = Writer({first.attempt.recipient.id: ValueError(), second.attempt.recipient.id: error})
    with pytest.raises(type(error)):
        record_isolated([first, second], writer, faults=faults)
