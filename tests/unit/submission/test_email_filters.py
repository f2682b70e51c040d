"""The filters of the list of emails, as people write them in a URL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.sending.last_event import LAST_EVENTS
from app.domain.sending.state_machine import State
from app.services.submission.look_up import EmailFilter
from app.web.http.faults.validation import attempt
from app.web.http.fields import MAX_VALUES
from app.web.submission.email_requests import EmailsQuery

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def filter_of(**query: Any) -> EmailFilter:
    """The filter that a query string stands for."""
    found = attempt(EmailsQuery, query)
    assert isinstance(found, EmailsQuery), found
    return found.filter()


@pytest.mark.parametrize("given", ["bounced,complained", " bounced , complained,", ["bounced", "complained"]])
def test_several_values_are_repeated_or_listed(given: Any) -> None:
    """`last_event=a&last_event=b`, and `last_event=a,b` with or without spaces."""
    assert filter_of(last_event=given).last_events == ("bounced", "complained")


def test_each_list_is_of_its_own_kind() -> None:
    """States and tags are read like last events."""
    assert filter_of(state="held, sent").states == (State.HELD, State.SENT)
    assert filter_of(tag=["team:red", "id:7,team:blue"]).tags == (("team", "red"), ("id", "7"), ("team", "blue"))


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2026-03-01", DAY),
        ("2026-03-01T00:00:00Z", DAY),
        ("2026-03-01T00:00Z", DAY),
        ("2026-03-01 01:00:00+01:00", DAY),
        ("2026-03-01T01:00:00 01:00", DAY),
        ("2026-03-01T01:00:00 0100", DAY),
        ("2026-02-28T19:00:00-0500", DAY),
    ],
)
def test_since_takes_dates_and_times(text: str, moment: datetime) -> None:
    """A date is its first moment in UTC. A + that the URL did not encode arrives as a space."""
    assert filter_of(since=text).since == moment


def test_until_includes_its_date() -> None:
    """From a day until the same day is that day; a time is not included."""
    assert filter_of(since="2026-03-01", until="2026-03-01").until == DAY + timedelta(days=1)
    assert filter_of(until="2026-03-01T00:00:00Z").until == DAY
    assert filter_of(until="9999-12-31").until == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "query, pointer, detail",
    [
        ({"last_event": "lost"}, "/last_event", f"Give one of {', '.join(sorted(LAST_EVENTS))}."),
        ({"last_event": ["sent", "lost"]}, "/last_event/1", f"Give one of {', '.join(sorted(LAST_EVENTS))}."),
        ({"state": "lost"}, "/state", "Give 'scheduled', "),
        ({"tag": "team"}, "/tag", "Give a tag as name:value"),
        ({"tag": ",".join(["a:b"] * (MAX_VALUES + 1))}, "/tag", f"Give at most {MAX_VALUES} values."),
        ({"since": "yesterday"}, "/since", "Give a date (UTC) such as "),
        ({"since": "2026-02-30"}, "/since", "Give a date (UTC) such as "),
        ({"since": "2026-03-01T10:00:00"}, "/since", "Give a date (UTC) such as "),
        ({"until": ""}, "/until", "Give a date (UTC) such as "),
    ],
)
def test_a_value_that_means_nothing_is_refused(query: Any, pointer: str, detail: str) -> None:
    """With what may be given instead."""
    found = attempt(EmailsQuery, query)
    assert isinstance(found, tuple)
    [fault] = found
    assert fault.pointer == pointer
    assert fault.detail.startswith(detail)
