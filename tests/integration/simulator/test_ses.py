"""The simulator's SES, as boto3 sees it: what it accepts, what it refuses and with which message."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import LedgerSync, Options, Simulator
from tests.support.aws.simulator import SENDER, client, control, fetch, ledger, raw_message, send


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator that answers at once."""
    with Simulator(Options(data=tmp_path)) as running:
        yield running


@pytest.fixture
def ses(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sesv2", simulator)


def refusal(call: Any, **request: Any) -> tuple[int, str, str]:
    """Status, code and message of the ClientError that the call must raise."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def test_a_raw_email_is_on_the_ledger_when_its_id_is_known(simulator: Simulator, ses: Any) -> None:
    """Once SendEmail answers, the email is fsynced: id, recipient, tags, digest of the bytes."""
    raw = raw_message("ann@example.com", subject="Grüße")
    answer = ses.send_email(
        FromEmailAddress=f"Invitations <{SENDER}>",
        Destination={"ToAddresses": ["Ann <ann@example.com>"]},
        Content={"Raw": {"Data": raw}},
        EmailTags=[{"Name": "postern_recipient", "Value": "rcp_1"}, {"Name": "postern_attempt", "Value": "att_1"}],
    )
    (entry,) = ledger(simulator)
    assert entry["ses_message_id"] == answer["MessageId"]
    assert (entry["recipient"], entry["subject"], entry["mode"]) == ("ann@example.com", "Grüße", "answered")
    assert entry["sender"] == f"Invitations <{SENDER}>"
    assert entry["tags"] == {"postern_recipient": "rcp_1", "postern_attempt": "att_1"}
    assert entry["body_sha256"] == hashlib.sha256(raw).hexdigest()


def test_message_id_has_the_form_of_ses(ses: Any) -> None:
    """Ids look like SES's: region and time, a UUID, a counter."""
    time_part, *uuid_parts, counter = send(ses, "ann@example.com").split("-")
    assert (len(time_part), [len(part) for part in uuid_parts], counter) == (16, [8, 4, 4, 4, 12], "000000")


def test_a_simple_email_has_one_line_per_recipient(simulator: Simulator, ses: Any) -> None:
    """To, Cc and Bcc of one simple email share its message id and have a line each."""
    answer = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={
            "ToAddresses": ["ann@example.com"],
            "CcAddresses": ["ben@example.com"],
            "BccAddresses": ["cem@example.com"],
        },
        Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hi"}}}},
    )
    entries = ledger(simulator)
    assert [entry["recipient"] for entry in entries] == ["ann@example.com", "ben@example.com", "cem@example.com"]
    assert {entry["ses_message_id"] for entry in entries} == {answer["MessageId"]}
    assert control(simulator, "GET", "ledger")["counts"]["emails"] == 1


def test_a_bulk_email_is_rendered_and_judged_entry_by_entry(simulator: Simulator, ses: Any) -> None:
    """SendBulkEmail answers 200 with a result per entry: ids for the good, a status and a message for the bad."""
    answer = ses.send_bulk_email(
        FromEmailAddress=SENDER,
        DefaultContent={
            "Template": {
                "TemplateContent": {"Subject": "Hello {{name}}", "Text": "Hi {{name}}"},
                "TemplateData": '{"name": "friend"}',
            }
        },
        BulkEmailEntries=[
            {
                "Destination": {"ToAddresses": ["ann@example.com"]},
                "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": '{"name": "Ann"}'}},
            },
            {"Destination": {"ToAddresses": ["no address"]}},
            {"Destination": {"ToAddresses": ["ben@example.com"]}},
        ],
    )
    results = answer["BulkEmailEntryResults"]
    assert [result["Status"] for result in results] == ["SUCCESS", "INVALID_PARAMETER", "SUCCESS"]
    assert [entry["subject"] for entry in ledger(simulator)] == ["Hello Ann", "Hello friend"]


@pytest.mark.parametrize(
    "request_changes, expected",
    [
        ({"Destination": {"ToAddresses": [f"a{n}@example.com" for n in range(51)]}}, "BadRequestException"),
        ({"Destination": {"ToAddresses": ["ann example.com"]}}, "BadRequestException"),
        ({"Destination": {"ToAddresses": ["ann@exa mple.com"]}}, "BadRequestException"),
        ({"Destination": {"ToAddresses": ["änn@example.com"]}}, "BadRequestException"),
        ({"Destination": {"ToAddresses": ["ann@example.com", "a@b@c.example"]}}, "BadRequestException"),
        ({"Destination": {"ToAddresses": ["ann@example.com\r\nBcc: eve@example.com"]}}, "BadRequestException"),
        ({"ConfigurationSetName": "nowhere"}, "NotFoundException"),
        ({"FromEmailAddress": "me@unverified.example"}, "MessageRejected"),
        ({"EmailTags": [{"Name": "who", "Value": "ann@example.com"}]}, "BadRequestException"),
        (
            {"Content": {"Template": {"TemplateName": "nowhere", "TemplateData": "{}"}}},
            "NotFoundException",
        ),
        (
            {
                "Content": {
                    "Simple": {
                        "Subject": {"Data": "x"},
                        "Body": {"Text": {"Data": "x"}},
                        "Headers": [{"Name": "X-A", "Value": "1\r\nBcc: eve@example.com"}],
                    }
                }
            },
            "BadRequestException",
        ),
    ],
)
def test_an_email_that_ses_refuses_is_refused(
    simulator: Simulator, ses: Any, request_changes: dict[str, Any], expected: str
) -> None:
    """With SES's code, and it never reaches the ledger."""
    request = {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": ["ann@example.com"]},
        "Content": {"Raw": {"Data": raw_message("ann@example.com")}},
    }
    status, code, words = refusal(ses.send_email, **(request | request_changes))
    assert (status, code) == (404 if expected == "NotFoundException" else 400, expected)
    assert words
    assert ledger(simulator) == []


def test_fifty_recipients_are_accepted(ses: Any) -> None:
    """The bound is 50 recipients, not 49."""
    answer = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [f"a{n}@example.com" for n in range(50)]},
        Content={"Raw": {"Data": raw_message("ann@example.com")}},
    )
    assert answer["MessageId"]


def test_an_unsigned_request_is_refused(simulator: Simulator) -> None:
    """SES requires the form of a Signature Version 4."""
    answer = fetch(simulator, "/v2/email/account")
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_send_rate_is_a_credit_that_many_recipients_overdraw(tmp_path: Path) -> None:
    """An email to 40 passes while any rate is left; the next gets SES's 429 until the debt is paid."""
    with Simulator(Options(data=tmp_path, max_send_rate=2)) as simulator:
        ses = client("sesv2", simulator)
        ses.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [f"a{n}@example.com" for n in range(40)]},
            Content={"Raw": {"Data": raw_message("ann@example.com")}},
        )
        with pytest.raises(ClientError) as caught:
            send(ses, "ann@example.com")
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error["Error"] == {"Code": "TooManyRequestsException", "Message": "Maximum sending rate exceeded."}


def test_daily_quota_counts_recipients_but_not_the_mailbox_simulator(tmp_path: Path) -> None:
    """GetAccount shows the number sent; beyond the quota SES refuses, except for its own mailboxes."""
    with Simulator(Options(data=tmp_path, max_24h=2)) as simulator:
        ses = client("sesv2", simulator)
        for recipient in ("ann@example.com", "success@simulator.amazonses.com", "ben@example.com"):
            send(ses, recipient)
        quota = ses.get_account()["SendQuota"]
        code = refusal(send, ses=ses, recipient="cem@example.com")[1:]
        send(ses, "success+again@simulator.amazonses.com")
    assert quota == {"Max24HourSend": 2.0, "MaxSendRate": 50.0, "SentLast24Hours": 2.0}
    assert code == ("LimitExceededException", "Daily message quota exceeded.")


def test_api_rate_limits_everything_but_sends(tmp_path: Path) -> None:
    """With the switch on, a second suppression call within the second gets 429 while sends still pass."""
    with Simulator(Options(data=tmp_path, api_rate=1)) as simulator:
        ses = client("sesv2", simulator)
        ses.get_account()
        assert refusal(ses.get_account)[:2] == (429, "TooManyRequestsException")
        assert send(ses, "ann@example.com")


def test_suppression_api_needs_the_exact_case(ses: Any) -> None:
    """Get and Delete find the stored spelling only."""
    ses.put_suppressed_destination(EmailAddress="Ann+News@Example.com", Reason="BOUNCE")
    assert refusal(ses.get_suppressed_destination, EmailAddress="ann+news@example.com")[1] == "NotFoundException"
    assert refusal(ses.delete_suppressed_destination, EmailAddress="ann+news@example.com")[0] == 404
    found = ses.get_suppressed_destination(EmailAddress="Ann+News@Example.com")["SuppressedDestination"]
    assert (found["EmailAddress"], found["Reason"]) == ("Ann+News@Example.com", "BOUNCE")
    ses.delete_suppressed_destination(EmailAddress="Ann+News@Example.com")
    assert refusal(ses.delete_suppressed_destination, EmailAddress="Ann+News@Example.com")[1] == "NotFoundException"


def test_suppression_list_is_paged_and_filtered_by_reason(ses: Any) -> None:
    """ListSuppressedDestinations pages with its token and returns only the requested reasons."""
    for number in range(3):
        ses.put_suppressed_destination(EmailAddress=f"b{number}@example.com", Reason="BOUNCE")
    ses.put_suppressed_destination(EmailAddress="c@example.com", Reason="COMPLAINT")
    first = ses.list_suppressed_destinations(Reasons=["BOUNCE"], PageSize=2)
    second = ses.list_suppressed_destinations(Reasons=["BOUNCE"], PageSize=2, NextToken=first["NextToken"])
    pages = [[each["EmailAddress"] for each in page["SuppressedDestinationSummaries"]] for page in (first, second)]
    assert pages == [["b2@example.com", "b1@example.com"], ["b0@example.com"]]
    assert "NextToken" not in second


def test_configuration_set_shows_its_event_destinations(simulator: Simulator, ses: Any) -> None:
    """A created destination is shown; the same name again is refused; suppression options are kept."""
    topic_arn = client("sns", simulator).create_topic(Name="feedback")["TopicArn"]
    ses.create_configuration_set(ConfigurationSetName="postern")
    assert refusal(ses.create_configuration_set, ConfigurationSetName="postern")[1] == "AlreadyExistsException"
    destination = {
        "Enabled": True,
        "MatchingEventTypes": ["SEND", "BOUNCE"],
        "SnsDestination": {"TopicArn": topic_arn},
    }
    request = {"ConfigurationSetName": "postern", "EventDestinationName": "f", "EventDestination": destination}
    ses.create_configuration_set_event_destination(**request)
    assert refusal(ses.create_configuration_set_event_destination, **request)[1] == "AlreadyExistsException"
    ses.put_configuration_set_suppression_options(ConfigurationSetName="postern", SuppressedReasons=["COMPLAINT"])
    shown = ses.get_configuration_set_event_destinations(ConfigurationSetName="postern")["EventDestinations"]
    assert shown == [{"Name": "f"} | destination]
    options = ses.get_configuration_set(ConfigurationSetName="postern")["SuppressionOptions"]
    assert options == {"SuppressedReasons": ["COMPLAINT"]}
    ses.delete_configuration_set_event_destination(ConfigurationSetName="postern", EventDestinationName="f")
    assert ses.get_configuration_set_event_destinations(ConfigurationSetName="postern")["EventDestinations"] == []


def test_only_identities_send_when_identities_are_enforced(tmp_path: Path) -> None:
    """With enforcement on, a sender is refused until its address or domain is an identity."""
    with Simulator(Options(data=tmp_path, enforce_identities=True)) as simulator:
        ses = client("sesv2", simulator)
        _, code, words = refusal(send, ses=ses, recipient="ann@example.com")
        ses.create_email_identity(EmailIdentity="example.com")
        assert send(ses, "ann@example.com")
        identities = ses.list_email_identities()["EmailIdentities"]
        assert ses.get_email_identity(EmailIdentity="example.com")["VerifiedForSendingStatus"] is True
    assert code == "MessageRejected"
    assert words.startswith("Email address is not verified.")
    assert [identity["IdentityName"] for identity in identities] == ["example.com"]


def test_a_paused_account_sends_nothing(ses: Any) -> None:
    """PutAccountSendingAttributes pauses every send with SES's exception, and resumes."""
    ses.put_account_sending_attributes(SendingEnabled=False)
    assert refusal(send, ses=ses, recipient="ann@example.com")[1] == "SendingPausedException"
    ses.put_account_sending_attributes(SendingEnabled=True)
    assert send(ses, "ann@example.com")


@pytest.mark.parametrize("sync", list(LedgerSync))
def test_ledger_continues_after_a_restart(tmp_path: Path, sync: LedgerSync) -> None:
    """A second simulator in the same directory continues the count, cuts a torn line and keeps the signing key."""
    with Simulator(Options(data=tmp_path, ledger_sync=sync)) as first:
        send(client("sesv2", first), "ann@example.com")
        certificate = first.certificate_path.read_bytes()
    with first.ledger_path.open("ab") as file:
        file.write(b'{"torn":')
    with Simulator(Options(data=tmp_path, ledger_sync=sync)) as second:
        send(client("sesv2", second), "ben@example.com")
        page = control(second, "GET", "ledger?since=1&limit=5")
        assert second.certificate_path.read_bytes() == certificate
    assert [entry["recipient"] for entry in page["entries"]] == ["ben@example.com"]
    assert page["next"] == 2
    assert page["counts"] == {"emails": 2, "recipients": 2, "by_mode": {"answered": 2}}
    assert [entry["recipient"] for entry in ledger(second)] == ["ann@example.com", "ben@example.com"]
