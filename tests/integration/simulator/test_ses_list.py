"""The simulator's account suppression list, as boto3 sees it: pages, dates, spellings, and permission to change it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import Options, Simulator
from tests.support.aws.simulator import client, control, is_suppressed, send_watched, until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(Options(data=tmp_path, event_delay=(0, 0))) as running:
        yield running


@pytest.fixture
def ses(simulator: Simulator) -> Any:
    return client("sesv2", simulator)


def listed(simulator: Simulator, number: int) -> None:
    """This many entries, each a minute older than the one before."""
    entries = [
        {"address": f"r{one:02}@example.com", "reason": "BOUNCE", "updated_at": str(NOON - timedelta(minutes=one))}
        for one in range(number)
    ]
    assert control(simulator, "POST", "suppressions", entries) == {"entries": number}


def addresses(page: dict[str, Any]) -> list[str]:
    return [entry["EmailAddress"] for entry in page["SuppressedDestinationSummaries"]]


def code_of(call: Any, **request: Any) -> str:
    """The code of the error that the call must get."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_a_page_begins_where_the_last_one_ended_whatever_changed_before_it(simulator: Simulator, ses: Any) -> None:
    """Changes on pages already read move no entry of the later pages."""
    listed(simulator, 6)
    first = ses.list_suppressed_destinations(PageSize=2)
    ses.delete_suppressed_destination(EmailAddress="r00@example.com")
    ses.put_suppressed_destination(EmailAddress="new@example.com", Reason="COMPLAINT")
    second = ses.list_suppressed_destinations(PageSize=3, NextToken=first["NextToken"])
    third = ses.list_suppressed_destinations(PageSize=3, NextToken=second["NextToken"])
    assert [addresses(page) for page in (first, second, third)] == [
        ["r00@example.com", "r01@example.com"],
        ["r02@example.com", "r03@example.com", "r04@example.com"],
        ["r05@example.com"],
    ]
    assert "NextToken" not in third


def test_a_token_is_valid_for_its_list_only(simulator: Simulator, ses: Any) -> None:
    """A made-up token, or one given with other filters, gets the error of its own name."""
    listed(simulator, 3)
    token = ses.list_suppressed_destinations(PageSize=1)["NextToken"]
    assert code_of(ses.list_suppressed_destinations, NextToken="2") == "InvalidNextTokenException"
    refused = code_of(ses.list_suppressed_destinations, NextToken=token, Reasons=["BOUNCE"])
    assert refused == "InvalidNextTokenException"


def test_both_dates_count(simulator: Simulator, ses: Any) -> None:
    """From StartDate to EndDate, both included."""
    listed(simulator, 5)
    start, end = NOON - timedelta(minutes=3), NOON - timedelta(minutes=1)
    page = ses.list_suppressed_destinations(StartDate=start, EndDate=end)
    assert addresses(page) == ["r01@example.com", "r02@example.com", "r03@example.com"]


def test_an_entry_names_the_email_that_put_it_there(ses: Any, simulator: Simulator) -> None:
    """Get returns the message id of a bounce, and none for a manual entry; List never has one."""
    control(simulator, "POST", "behaviours", {"kim@example.com": "bounce"})
    ses.create_configuration_set(ConfigurationSetName="postern")
    sent = send_watched(ses, "kim@example.com")
    until(lambda: is_suppressed(ses, "kim@example.com"))
    ses.put_suppressed_destination(EmailAddress="ann@example.com", Reason="BOUNCE")
    by_email = ses.get_suppressed_destination(EmailAddress="kim@example.com")["SuppressedDestination"]
    by_hand = ses.get_suppressed_destination(EmailAddress="ann@example.com")["SuppressedDestination"]
    assert by_email["Attributes"]["MessageId"] == sent
    assert "Attributes" not in by_hand
    page = ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    assert not any("Attributes" in entry for entry in page)


def test_two_spellings_are_two_entries_and_either_blocks(ses: Any) -> None:
    """The API compares exactly; removing one leaves the other."""
    for spelling in ("Kim@Example.com", "kim@example.com"):
        ses.put_suppressed_destination(EmailAddress=spelling, Reason="BOUNCE")
    ses.delete_suppressed_destination(EmailAddress="kim@example.com")
    assert addresses(ses.list_suppressed_destinations()) == ["Kim@Example.com"]


def test_an_account_in_the_sandbox_may_read_its_list_and_not_add_to_it(tmp_path: Path) -> None:
    """GetAccount shows no production access; Put is refused; the rest works."""
    with Simulator(Options(data=tmp_path, production_access=False)) as simulator:
        ses = client("sesv2", simulator)
        control(simulator, "POST", "suppressions", [{"address": "kim@example.com", "reason": "BOUNCE"}])
        assert ses.get_account()["ProductionAccessEnabled"] is False
        refused = code_of(ses.put_suppressed_destination, EmailAddress="ann@example.com", Reason="BOUNCE")
        assert refused == "BadRequestException"
        assert addresses(ses.list_suppressed_destinations()) == ["kim@example.com"]


def test_a_second_page_within_the_second_is_refused(tmp_path: Path) -> None:
    """As SES allows one call a second; the same token works a second later."""
    with Simulator(Options(data=tmp_path, api_rate=1)) as simulator:
        ses = client("sesv2", simulator)
        listed(simulator, 3)
        ses.list_suppressed_destinations(PageSize=1)
        assert code_of(ses.list_suppressed_destinations, PageSize=1) == "TooManyRequestsException"
