"""Times in requests: a moment with its offset in any spelling, or a delay in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import Fault
from app.web.http.faults.validation import attempt, check
from app.web.submission.email_requests import EmailBody, RescheduleBody

LEAST: dict[str, Any] = {"from": "Acme <news@acme.example>", "to": "ann@example.com", "subject": "Hello", "text": "Hi"}


def faults_of(**change: Any) -> list[Fault]:
    """Return the faults of the least email with this change, whose form has to be refused."""
    found = attempt(EmailBody, {**LEAST, **change})
    assert isinstance(found, tuple), "the value was taken"
    return list(found)


@pytest.mark.parametrize(
    "text",
    [
        *("2027-01-31T10:30:00+01:00", "2027-01-31T10:30:00+0100", "2027-01-31T10:30+01:00", "2027-01-31T09:30Z"),
        *("2027-01-31 09:30:00Z", "2027-01-31T09:30:00.000Z", " 2027-01-31T09:30:00z ", "2027-01-31 09:30:00 +0000"),
        *("2027-01-31T10:30:00+01", "2027-01-31T04:00:00-0530"),
    ],
)
def test_a_time_is_read_as_the_libraries_of_many_languages_write_it(text: str) -> None:
    """With seconds or without, and with an offset in each of its forms."""
    wanted = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
    assert check(EmailBody, {**LEAST, "scheduled_at": text}).scheduled_at == wanted


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-31T10:30:00",
        "2027-01-31",
        "2027-01-31T10:30:00Z0",
        "2027-01-31T10:30:00+1",
        "2027-01-31T25:30Z",
        "31.1.2027",
    ],
)
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    """It would be another moment in each time zone."""
    assert [fault.code for fault in faults_of(scheduled_at=text)] == ["moment"]


def test_a_time_in_other_words_says_which_words_there_are() -> None:
    """The refusal shows the two forms of a time."""
    [fault] = faults_of(scheduled_at="tomorrow at 9am")
    assert fault.code == "moment"
    assert "in 2 hours" in fault.detail


@pytest.mark.parametrize("field", ["scheduled_at", "expires_at"])
def test_a_time_may_be_a_delay(field: str) -> None:
    """`in 2 hours` is two hours from now, for the time to send at and the time to expire at."""
    submission = check(EmailBody, {**LEAST, field: "in 2 hours"}).submission()
    assert getattr(submission, field) is None
    assert getattr(submission, field.replace("_at", "_in")) == timedelta(hours=2)


def test_an_email_is_rescheduled_by_a_delay() -> None:
    """Another time is written as the first one was."""
    assert check(RescheduleBody, {"scheduled_at": "in 1 min"}).scheduled_at == timedelta(minutes=1)
    assert isinstance(attempt(RescheduleBody, {"scheduled_at": "in 9999999 weeks"}), tuple)
