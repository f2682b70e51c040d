"""Queries to SES about the account and its suppression list, no faster than AWS allows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3.session
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from app.aws.ses.account import PageLost, Quota, SesAccount, SesRefused, Suppressed, SuppressedPage
from app.domain.errors import ServiceUnavailable

WHEN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


class Clock:
    """A clock on which time passes only by `sleep`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stubbed(clock: Clock) -> Iterator[tuple[SesAccount, Stubber]]:
    """Yield an account on a boto3 client whose answers are checked against the model of SES."""
    session = boto3.session.Session("AKIDEXAMPLE", "made-up", region_name="eu-west-1")
    client = session.client("sesv2")
    with Stubber(client) as stub:
        yield SesAccount(client, clock=clock, sleep=clock.sleep), stub
        stub.assert_no_pending_responses()


def account_answer(**changes: Any) -> dict[str, Any]:
    return {
        "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
        "SendingEnabled": True,
        "ProductionAccessEnabled": True,
        "EnforcementStatus": "HEALTHY",
        **changes,
    }


def test_the_quota_comes_from_get_account(stubbed: tuple[SesAccount, Stubber]) -> None:
    """The rate, daily quota and standing of the account come from one call."""
    account, stub = stubbed
    stub.add_response("get_account", account_answer(), {})
    assert account.quota() == Quota(
        max_send_rate=14.0,
        max_24h=50000.0,
        sent_24h=12.0,
        sending_enabled=True,
        production=True,
        enforcement="HEALTHY",
    )


def test_an_unlimited_day_is_none(stubbed: tuple[SesAccount, Stubber]) -> None:
    """SES's -1 for no limit becomes None, so that no code compares with it."""
    account, stub = stubbed
    unlimited = {"Max24HourSend": -1.0, "MaxSendRate": 500.0, "SentLast24Hours": 0.0}
    stub.add_response("get_account", account_answer(SendQuota=unlimited), {})
    assert account.quota().max_24h is None


def test_an_answer_without_a_quota_is_no_quota(stubbed: tuple[SesAccount, Stubber]) -> None:
    """A number that is missing from SES's answer is never invented."""
    account, stub = stubbed
    stub.add_response("get_account", {"SendingEnabled": True}, {})
    with pytest.raises(ServiceUnavailable):
        account.quota()


def test_removal_keeps_the_case_and_says_whether_there_was_an_entry(stubbed: tuple[SesAccount, Stubber]) -> None:
    """SES finds an entry only in its exact case; a missing entry is not an error."""
    account, stub = stubbed
    stub.add_response("delete_suppressed_destination", {}, {"EmailAddress": "Ann.Lee+x@Example.org"})
    stub.add_client_error("delete_suppressed_destination", "NotFoundException", http_status_code=404)
    assert account.remove_suppressed("Ann.Lee+x@Example.org") is True
    assert account.remove_suppressed("ann.lee+x@example.org") is False


def test_an_entry_is_put_and_found(stubbed: tuple[SesAccount, Stubber]) -> None:
    """Put and get use SES's names; an address that is not listed is None."""
    account, stub = stubbed
    entry = {"EmailAddress": "a@example.org", "Reason": "BOUNCE", "LastUpdateTime": WHEN}
    stub.add_response("put_suppressed_destination", {}, {"EmailAddress": "a@example.org", "Reason": "BOUNCE"})
    stub.add_response("get_suppressed_destination", {"SuppressedDestination": entry}, {"EmailAddress": "a@example.org"})
    stub.add_client_error("get_suppressed_destination", "NotFoundException", http_status_code=404)
    account.put_suppressed("a@example.org", "BOUNCE")
    assert account.get_suppressed("a@example.org") == Suppressed(
        address="a@example.org", reason="BOUNCE", updated_at=WHEN
    )
    assert account.get_suppressed("b@example.org") is None


def test_the_list_comes_in_pages(stubbed: tuple[SesAccount, Stubber]) -> None:
    """Each page has the token of the next; the last has none."""
    account, stub = stubbed
    entry = {"EmailAddress": "a@example.org", "Reason": "COMPLAINT", "LastUpdateTime": WHEN}
    stub.add_response(
        "list_suppressed_destinations",
        {"SuppressedDestinationSummaries": [entry], "NextToken": "more"},
        {"PageSize": 1000, "StartDate": WHEN},
    )
    stub.add_response("list_suppressed_destinations", {}, {"PageSize": 1000, "NextToken": "more"})
    first = account.list_suppressed(since=WHEN)
    assert first == SuppressedPage(
        (Suppressed(address="a@example.org", reason="COMPLAINT", updated_at=WHEN),), next_page="more"
    )
    assert account.list_suppressed(first.next_page) == SuppressedPage((), None)


@pytest.mark.parametrize("code", ["TooManyRequestsException", "AccessDeniedException", "BadRequestException", "500"])
def test_a_refusal_is_ours_to_repeat(stubbed: tuple[SesAccount, Stubber], code: str) -> None:
    """Any refusal of SES is `unavailable` to the caller, and its text holds no address."""
    account, stub = stubbed
    stub.add_client_error("delete_suppressed_destination", code, service_message="for a@example.org")
    with pytest.raises(ServiceUnavailable) as caught:
        account.remove_suppressed("a@example.org")
    assert "@" not in caught.value.detail


def test_a_network_that_fails_is_ours_to_repeat(clock: Clock) -> None:
    """An unreachable SES is `unavailable`, never an exception of boto3."""

    def unreachable() -> None:
        raise EndpointConnectionError(endpoint_url="https://email.eu-west-1.amazonaws.com")

    account = SesAccount(SimpleNamespace(get_account=unreachable), clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailable):
        account.quota()


def test_calls_are_a_second_apart(stubbed: tuple[SesAccount, Stubber], clock: Clock) -> None:
    """AWS allows one call per second; only a call that comes earlier waits for the rest of the second."""
    account, stub = stubbed
    for _ in range(3):
        stub.add_response("get_account", account_answer(), {})
    account.quota()
    clock.now += 0.25
    account.quota()
    clock.now += 5
    account.quota()
    assert clock.slept == [pytest.approx(0.75)]


def test_a_call_waits_for_the_turn_of_its_process(clock: Clock) -> None:
    """All processes of a gateway take turns; queries of the quota do not wait in that queue."""
    asked: list[str] = []

    def delete(EmailAddress: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        asked.append(EmailAddress)
        return {"removed": EmailAddress}

    client = SimpleNamespace(delete_suppressed_destination=delete, get_account=account_answer)
    turns: list[float | None] = [3.0, None]
    account = SesAccount(client, clock=clock, sleep=clock.sleep, slot=lambda _: turns.pop(0))  # type: ignore[arg-type]
    account.remove_suppressed("a@example.org")
    assert (clock.slept, asked) == ([3.0], ["a@example.org"])
    with pytest.raises(SesRefused) as refused:
        account.remove_suppressed("b@example.org")
    assert (refused.value.throttled, asked) == (True, ["a@example.org"])
    assert account.quota().max_send_rate == 14.0


@pytest.mark.parametrize("code", ["InvalidNextTokenException", "BadRequestException"])
def test_a_page_that_ses_has_lost_is_recognised(stubbed: tuple[SesAccount, Stubber], code: str) -> None:
    """Only a page with a token can be lost; for the first page the same refusal is an ordinary refusal."""
    account, stub = stubbed
    stub.add_client_error("list_suppressed_destinations", code)
    stub.add_client_error("list_suppressed_destinations", code)
    with pytest.raises(PageLost):
        account.list_suppressed("more")
    with pytest.raises(SesRefused) as refused:
        account.list_suppressed()
    assert not isinstance(refused.value, PageLost)


def test_an_entry_has_its_message_id_and_the_account_its_reasons(stubbed: tuple[SesAccount, Stubber]) -> None:
    """An entry has the message id of its bounce; the account has the reasons for which the list applies."""
    account, stub = stubbed
    entry = {
        "EmailAddress": "a@example.org",
        "Reason": "BOUNCE",
        "LastUpdateTime": WHEN,
        "Attributes": {"MessageId": "0100-a", "FeedbackId": "f"},
    }
    stub.add_response("get_suppressed_destination", {"SuppressedDestination": entry}, {"EmailAddress": "a@example.org"})
    found = account.get_suppressed("a@example.org")
    assert found is not None
    assert found.ses_message_id == "0100-a"
    stub.add_response("get_account", account_answer(SuppressionAttributes={"SuppressedReasons": ["COMPLAINT"]}), {})
    assert account.quota().suppressed_reasons == {"COMPLAINT"}
