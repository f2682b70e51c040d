"""What becomes of a mail in the simulator: the events of each behaviour, in both dialects, and unruly streams."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from simulator import Options, Simulator
from tests.simulating import (
    SENDER,
    Endpoint,
    client,
    control,
    fetch,
    ledger,
    listening,
    publish_events,
    raw_message,
    send,
    subscribe,
    until,
)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator whose events follow within milliseconds."""
    with Simulator(Options(data=tmp_path, event_delay=(0.001, 0.002), seed=7)) as running:
        yield running


@pytest.fixture
def endpoint(simulator: Simulator) -> Iterator[Endpoint]:
    """A subscriber that verifies signatures and confirms."""
    with listening(simulator) as running:
        yield running


@pytest.fixture
def ses(simulator: Simulator, endpoint: Endpoint) -> Any:
    """A boto3 client; everything sent with the configuration set `postern` is reported to the endpoint."""
    publish_events(simulator, subscribe(simulator, endpoint))
    return client("sesv2", simulator)


Watched = tuple[Simulator, Endpoint, Any]


@pytest.fixture
def watched(simulator: Simulator, endpoint: Endpoint, ses: Any) -> Watched:
    """All three at once."""
    return simulator, endpoint, ses


def send_watched(ses: Any, recipient: str, **request: Any) -> str:
    """Send with the configuration set whose events the endpoint gets."""
    return send(ses, recipient, ConfigurationSetName="postern", **request)


def is_suppressed(ses: Any, address: str) -> bool:
    """Tell whether the account suppression list has this spelling."""
    try:
        ses.get_suppressed_destination(EmailAddress=address)
    except ses.exceptions.NotFoundException:
        return False
    return True


def test_a_new_event_destination_greets_its_topic(endpoint: Endpoint, ses: Any) -> None:
    """The first notification is prose, not JSON, as real topics get it."""
    greeting = until(endpoint.notifications)[0].envelope["Message"]
    assert greeting == "Successfully validated SNS topic for Amazon SES event publishing."


def test_a_delivered_mail_is_reported_with_tags_and_headers(endpoint: Endpoint, ses: Any) -> None:
    """Send and Delivery carry the message id, our tags beside SES's own, the headers and the common headers."""
    tags = [{"Name": "postern_recipient", "Value": "rcp_1"}, {"Name": "postern_attempt", "Value": "att_1"}]
    ses_message_id = send_watched(ses, "ann@example.com", EmailTags=tags)
    event = endpoint.event("Delivery")
    mail = event["mail"]
    assert endpoint.kinds() == ["Send", "Delivery"]
    assert endpoint.event("Send")["send"] == {}
    assert event["delivery"]["recipients"] == ["ann@example.com"]
    assert (mail["messageId"], mail["source"], mail["destination"]) == (ses_message_id, SENDER, ["ann@example.com"])
    assert mail["tags"]["postern_recipient"] == ["rcp_1"]
    assert mail["tags"]["postern_attempt"] == ["att_1"]
    assert mail["tags"]["ses:configuration-set"] == ["postern"]
    assert mail["tags"]["ses:from-domain"] == ["example.com"]
    assert {"name": "Subject", "value": "An invitation"} in mail["headers"]
    assert mail["commonHeaders"]["to"] == ["ann@example.com"]
    assert mail["headersTruncated"] is False
    assert "sourceIp" not in mail


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
def test_an_address_acts_as_it_is_told(
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
    """Labels change nothing, and the account list stays empty, so each mailbox can be tried again."""
    send_watched(ses, f"{name}+label@simulator.amazonses.com")
    assert endpoint.event(kind)["mail"]["destination"] == [f"{name}+label@simulator.amazonses.com"]
    assert ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_a_suppressed_recipient_is_accepted_and_comes_back(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """SES takes mail to a listed address in any case, charges for it, and reports it as not attempted."""
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
    """A configuration set that heeds complaints only lets mail to a bounced address through."""
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


def test_identity_notifications_speak_the_other_dialect(simulator: Simulator, endpoint: Endpoint) -> None:
    """Without a configuration set, an identity's topic hears of bounces: no tags, no headers, a source IP."""
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


def test_a_raw_mail_may_name_set_and_tags_in_headers(endpoint: Endpoint, ses: Any) -> None:
    """X-SES-CONFIGURATION-SET and X-SES-MESSAGE-TAGS count when the parameters are absent."""
    raw = raw_message("ann@example.com", X_SES_CONFIGURATION_SET="postern", X_SES_MESSAGE_TAGS="a=1, b=2")
    ses.send_email(Content={"Raw": {"Data": raw}})
    tags = endpoint.event("Delivery")["mail"]["tags"]
    assert (tags["a"], tags["b"]) == (["1"], ["2"])


@pytest.mark.parametrize("kind, key", [("Open", "open"), ("Click", "click"), ("Complaint", "complaint")])
def test_events_on_demand_are_about_a_mail_of_the_inbox(
    simulator: Simulator, endpoint: Endpoint, ses: Any, kind: str, key: str
) -> None:
    """Any event can be asked for by message id, with details of one's own, and twice."""
    ses_message_id = send_watched(ses, "ann@example.com")
    request = {"ses_message_id": ses_message_id, "type": kind, "detail": {"userAgent": "mine"}, "duplicate": 1}
    assert control(simulator, "POST", "events", request) == {"scheduled": 2}
    until(lambda: endpoint.kinds().count(kind) == 2)
    events = [event for event in endpoint.events() if event["eventType"] == kind]
    assert {event["mail"]["messageId"] for event in events} == {ses_message_id}
    assert [event[key]["userAgent"] for event in events] == ["mine", "mine"]


def test_any_text_can_be_published_as_it_is(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """An event of one's own making goes to the only topic, late and twice under one message id when asked to."""
    message = {"notificationType": "Bounce", "mail": {"messageId": "not-ours"}}
    control(simulator, "POST", "events", {"message": message, "redeliver": 1, "delay_ms": 5})
    until(lambda: len(endpoint.events()) == 2)
    ids = {each.envelope["MessageId"] for each in endpoint.notifications() if "not-ours" in each.envelope["Message"]}
    assert endpoint.events() == [message, message]
    assert len(ids) == 1


def test_a_stream_can_duplicate_every_event(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """duplicate_rate 1: each event comes twice under two SNS message ids and one feedback id."""
    control(simulator, "POST", "events", {"stream": {"duplicate_rate": 1}})
    send_watched(ses, "bounce@simulator.amazonses.com")
    until(lambda: len(endpoint.events()) == 4)
    bounces = [event["bounce"] for event in endpoint.events() if "bounce" in event]
    assert len({each.envelope["MessageId"] for each in endpoint.notifications()}) == 5
    assert len(bounces) == 2
    assert bounces[0] == bounces[1]


def test_a_stream_can_deliver_everything_twice(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """redeliver_rate 1: each event is POSTed twice under one SNS message id."""
    control(simulator, "POST", "events", {"stream": {"redeliver_rate": 1}})
    send_watched(ses, "ann@example.com")
    until(lambda: len(endpoint.events()) == 4)
    ids = [each.envelope["MessageId"] for each in endpoint.notifications() if '"mail"' in each.envelope["Message"]]
    assert sorted(ids.count(each) for each in set(ids)) == [2, 2]


def test_a_stream_can_drop_events_but_not_their_effects(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """drop_rate 1: nobody is told of the bounce, and yet SES has suppressed the address."""
    control(simulator, "POST", "behaviours", {"kim@example.com": "bounce"})
    control(simulator, "POST", "events", {"stream": {"drop_rate": 1}})
    send_watched(ses, "kim@example.com")
    until(lambda: is_suppressed(ses, "kim@example.com"))
    assert until(lambda: control(simulator, "GET", "events")["dropped"]) == 2
    assert endpoint.events() == []


def test_a_stream_can_reorder_the_events_of_a_mail(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """Among some mails at least one has its Complaint published before its Send, by the published timestamps."""
    control(simulator, "POST", "events", {"stream": {"reorder": True, "delay_ms": [20, 30]}})
    for number in range(8):
        send_watched(ses, f"complaint+{number}@simulator.amazonses.com")
    until(lambda: len(endpoint.events()) == 24)
    first_kinds: dict[str, str] = {}
    for received in sorted(endpoint.notifications()[1:], key=lambda each: each.envelope["Timestamp"]):
        first_kinds.setdefault(received.message["mail"]["messageId"], received.message["eventType"])
    assert len(first_kinds) == 8
    assert set(first_kinds.values()) != {"Send"}


def test_events_can_come_before_the_response(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """before_response: when the message id is known, the endpoint has had every event of that mail."""
    control(simulator, "POST", "events", {"stream": {"before_response": True}})
    ses_message_id = send_watched(ses, "bounce@simulator.amazonses.com")
    assert sorted(endpoint.kinds()) == ["Bounce", "Send"]
    assert {event["mail"]["messageId"] for event in endpoint.events()} == {ses_message_id}


def test_a_caller_who_hangs_up_changes_nothing(tmp_path: Path) -> None:
    """A mail that was accepted while its sender gave up waiting is on the ledger and has all its events."""
    with Simulator(Options(data=tmp_path, latency=5, event_delay=(0.001, 0.002))) as slow, listening(slow) as endpoint:
        publish_events(slow, subscribe(slow, endpoint))
        with pytest.raises(ReadTimeoutError):
            send_watched(client("sesv2", slow, read_timeout=0.1), "ann@example.com")
        until(lambda: sorted(endpoint.kinds()) == ["Delivery", "Send"])
        assert [entry["recipient"] for entry in ledger(slow)] == ["ann@example.com"]


def test_faults_are_cleared_together(simulator: Simulator) -> None:
    """DELETE of the faults makes the stream orderly too."""
    control(simulator, "POST", "events", {"stream": {"drop_rate": 1}})
    control(simulator, "DELETE", "faults")
    assert control(simulator, "GET", "events")["stream"]["drop_rate"] == 0


@pytest.mark.parametrize(
    "path, content",
    [
        ("behaviours", {"ann@example.com": "explode"}),
        ("events", {"ses_message_id": "unknown", "type": "Open"}),
        ("events", {"message": "to no topic"}),
        ("events", {"stream": {"no_such_fault": 1}}),
        ("faults", [{"fault": "no_such_fault"}]),
        ("faults", [{"fault": "429", "match": {"colour": "red"}}]),
    ],
)
def test_mistakes_on_the_control_surface_are_named(simulator: Simulator, path: str, content: Any) -> None:
    """A request that means nothing is answered 400 and changes nothing."""
    answer = fetch(simulator, f"/_simulator/{path}", method="POST", content=content)
    assert answer.status == 400
    assert answer.json()["error"]
    assert control(simulator, "GET", "behaviours") == {}
    assert control(simulator, "GET", "faults") == []


def test_the_inbox_shows_mail_without_running_it(simulator: Simulator, ses: Any) -> None:
    """Subject and text are escaped, HTML is framed in a sandbox, and the page may load nothing."""
    hostile = raw_message("ann@example.com", subject="<script>alert(1)</script>")
    ses_message_id = ses.send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": ["ann@example.com"]},
        Content={"Raw": {"Data": hostile}},
    )["MessageId"]
    listing = fetch(simulator, "/").data.decode()
    page = fetch(simulator, f"/_simulator/inbox/{ses_message_id}")
    policy, mail = page.headers["Content-Security-Policy"], page.data.decode()
    assert "ann@example.com" in listing
    assert "delivered" in listing
    assert f"/_simulator/inbox/{ses_message_id}" in listing
    assert "<script" not in listing + mail
    assert "You are invited." in mail
    assert '<iframe sandbox title="The mail as HTML" srcdoc="&lt;p&gt;You are &lt;b&gt;invited' in mail
    assert policy.startswith("default-src 'none'")


def test_pages_of_other_sites_cannot_use_the_control_surface(simulator: Simulator) -> None:
    """A browser that sends another site's Origin is refused."""
    headers = {"Origin": "https://elsewhere.example"}
    assert fetch(simulator, "/_simulator/faults", method="DELETE", headers=headers).status == 403
