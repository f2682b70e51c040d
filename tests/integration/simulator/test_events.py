"""The events of an email in the simulator: those of each behaviour, in both dialects."""

from typing import Any

import pytest

from simulator import Simulator
from tests.support.aws.simulator import (
    SENDER,
    Endpoint,
    client,
    control,
    is_suppressed,
    raw_message,
    send,
    send_watched,
    subscribe,
    until,
)

Watched = tuple[Simulator, Endpoint, Any]


@pytest.fixture
def watched(simulator: Simulator, endpoint: Endpoint, ses: Any) -> Watched:
    """All three at once."""
    return simulator, endpoint, ses


def test_a_new_event_destination_greets_its_topic(endpoint: Endpoint, ses: Any) -> None:
    """The first notification is prose, not JSON, as on real topics."""
    greeting = until(endpoint.notifications)[0].envelope["Message"]
    assert greeting == "Successfully validated SNS topic for Amazon SES event publishing."


def test_a_delivered_email_is_reported_with_tags_and_headers(endpoint: Endpoint, ses: Any) -> None:
    """Send and Delivery carry the message id, our tags beside SES's own, the headers and the common headers."""
    tags = [{"Name": "postern_recipient", "Value": "rcp_1"}, {"Name": "postern_attempt", "Value": "att_1"}]
    ses_message_id = send_watched(ses, "ann@example.com", EmailTags=tags)
    event = endpoint.event("Delivery")
    email = event["mail"]
    assert endpoint.event("Send")["send"] == {}
    assert sorted(endpoint.kinds()) == ["Delivery", "Send"]  # SNS keeps no order
    assert event["delivery"]["recipients"] == ["ann@example.com"]
    assert (email["messageId"], email["source"], email["destination"]) == (ses_message_id, SENDER, ["ann@example.com"])
    assert email["tags"]["postern_recipient"] == ["rcp_1"]
    assert email["tags"]["postern_attempt"] == ["att_1"]
    assert email["tags"]["ses:configuration-set"] == ["postern"]
    assert email["tags"]["ses:from-domain"] == ["example.com"]
    assert {"name": "Subject", "value": "An invitation"} in email["headers"]
    assert email["commonHeaders"]["to"] == ["ann@example.com"]
    assert email["headersTruncated"] is False
    assert "sourceIp" not in email


@pytest.mark.parametrize(
    "behaviour, kinds, bounce",
    [
        ("success", ["Send", "Delivery"], None),
        ("bounce", ["Send", "Bounce"], ("Permanent", "General")),
        ("complaint", ["Send", "Delivery", "Complaint"], None),
        ("ooto", ["Send", "Delivery", "Bounce"], ("Transient", "General")),
        ("suppressionlist", ["Send", "Bounce"], ("Permanent", "Suppressed")),
        ("softbounce", ["Send", "Bounce"], ("Transient", "MailboxFull")),
        ("delay", ["Send", "DeliveryDelay", "Delivery"], None),
        ("reject", ["Send", "Reject"], None),
        ("silent", ["Send"], None),
    ],
)
def test_an_address_follows_its_behaviour(
    watched: Watched, behaviour: str, kinds: list[str], bounce: tuple[str, str] | None
) -> None:
    """Each behaviour has its events in order; only hard bounces and complaints reach the account suppression list."""
    simulator, endpoint, ses = watched
    control(simulator, "POST", "behaviours", {"Kim.Gone@example.com": behaviour})
    send_watched(ses, "kim.gone@example.com")
    until(lambda: len(endpoint.kinds()) == len(kinds))
    bounces = [event["bounce"] for event in endpoint.events() if "bounce" in event]
    assert sorted(endpoint.kinds()) == sorted(kinds)
    assert [(each["bounceType"], each["bounceSubType"]) for each in bounces] == ([bounce] if bounce else [])
    assert is_suppressed(ses, "kim.gone@example.com") is (behaviour in ("bounce", "complaint"))


@pytest.mark.parametrize(
    "name, kind",
    [
        ("success", "Delivery"),
        ("bounce", "Bounce"),
        ("complaint", "Complaint"),
        ("ooto", "Bounce"),
        ("suppressionlist", "Bounce"),
    ],
)
def test_mailbox_simulator_acts_by_its_names_and_is_never_listed(
    endpoint: Endpoint, ses: Any, name: str, kind: str
) -> None:
    """Labels change nothing, and the account list stays empty, so each mailbox can be used again."""
    send_watched(ses, f"{name}+label@simulator.amazonses.com")
    assert endpoint.event(kind)["mail"]["destination"] == [f"{name}+label@simulator.amazonses.com"]
    assert ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_a_suppressed_recipient_is_accepted_and_bounces(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """SES accepts email to a listed address in any case, charges for it, and reports it as not attempted."""
    ses.put_suppressed_destination(EmailAddress="Kim@Example.com", Reason="BOUNCE")
    ses_message_id = send_watched(ses, "kim@example.com")
    event = endpoint.event("Bounce")
    (entry,) = control(simulator, "GET", "ledger")["entries"]
    assert entry["ses_message_id"] == event["mail"]["messageId"] == ses_message_id
    assert (event["bounce"]["bounceType"], event["bounce"]["bounceSubType"]) == (
        "Permanent",
        "OnAccountSuppressionList",
    )
    assert event["bounce"]["bouncedRecipients"][0]["emailAddress"] == "kim@example.com"


def test_only_enabled_reasons_block(endpoint: Endpoint, ses: Any) -> None:
    """A configuration set that considers complaints only lets email to a bounced address through."""
    ses.put_suppressed_destination(EmailAddress="kim@example.com", Reason="BOUNCE")
    ses.put_configuration_set_suppression_options(ConfigurationSetName="postern", SuppressedReasons=["COMPLAINT"])
    send_watched(ses, "kim@example.com")
    assert endpoint.event("Delivery")["delivery"]["recipients"] == ["kim@example.com"]


def test_a_listed_address_knows_which_bounce_listed_it(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """The entry names the message and the feedback that put it there."""
    control(simulator, "POST", "behaviours", {"kim@example.com": "bounce"})
    ses_message_id = send_watched(ses, "kim@example.com")
    feedback_id = endpoint.event("Bounce")["bounce"]["feedbackId"]
    listed = ses.get_suppressed_destination(EmailAddress="kim@example.com")["SuppressedDestination"]
    assert listed["Attributes"] == {"MessageId": ses_message_id, "FeedbackId": feedback_id}


def test_identity_notifications_have_the_other_dialect(simulator: Simulator, endpoint: Endpoint) -> None:
    """Without a configuration set, an identity's topic gets bounces: no tags, no headers, a source IP."""
    topic_arn = subscribe(simulator, endpoint)
    control(simulator, "POST", "identity-topics", {"identity": "example.com", "topics": {"Bounce": topic_arn}})
    send(client("sesv2", simulator), "bounce@simulator.amazonses.com")
    event = endpoint.event("Bounce")
    greeting = endpoint.notifications()[0].message
    assert greeting["notificationType"] == "AmazonSnsSubscriptionSucceeded"
    assert endpoint.kinds() == ["Bounce"]
    assert event["notificationType"] == "Bounce"
    assert event["mail"]["sourceIp"] == "127.0.0.1"
    assert not {"tags", "headers"} & set(event["mail"])


def test_a_template_that_lacks_data_fails_after_acceptance(endpoint: Endpoint, ses: Any) -> None:
    """The call answers 200; the Rendering Failure event names the missing attribute."""
    answer = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": ["ann@example.com"]},
        Content={"Template": {"TemplateContent": {"Subject": "Hi {{name}}", "Text": "x"}, "TemplateData": "{}"}},
        ConfigurationSetName="postern",
    )
    event = endpoint.event("Rendering Failure")
    assert event["mail"]["messageId"] == answer["MessageId"]
    assert "'name'" in event["failure"]["errorMessage"]


def test_a_raw_email_may_name_set_and_tags_in_headers(endpoint: Endpoint, ses: Any) -> None:
    """X-SES-CONFIGURATION-SET and X-SES-MESSAGE-TAGS count when the parameters are absent."""
    raw = raw_message("ann@example.com", X_SES_CONFIGURATION_SET="postern", X_SES_MESSAGE_TAGS="a=1, b=2")
    ses.send_email(Content={"Raw": {"Data": raw}})
    tags = endpoint.event("Delivery")["mail"]["tags"]
    assert (tags["a"], tags["b"]) == (["1"], ["2"])
