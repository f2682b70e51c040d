"""The simulator's controls: events on demand, unruly event streams, and the pages that show what was sent."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from simulator import Options, Simulator
from tests.support.aws.simulator import (
    Endpoint,
    client,
    control,
    fetch,
    is_suppressed,
    ledger,
    listening,
    publish_events,
    send_watched,
    subscribe,
    until,
)


@pytest.mark.parametrize("kind, key", [("Open", "open"), ("Click", "click"), ("Complaint", "complaint")])
def test_events_on_demand_are_about_an_email_of_the_inbox(
    simulator: Simulator, endpoint: Endpoint, ses: Any, kind: str, key: str
) -> None:
    """Any event can be requested by message id, with custom details, and twice."""
    ses_message_id = send_watched(ses, "ann@example.com")
    request = {"ses_message_id": ses_message_id, "type": kind, "detail": {"userAgent": "mine"}, "duplicate": 1}
    assert control(simulator, "POST", "events", request) == {"scheduled": 2}
    until(lambda: endpoint.kinds().count(kind) == 2)
    events = [event for event in endpoint.events() if event["eventType"] == kind]
    assert {event["mail"]["messageId"] for event in events} == {ses_message_id}
    assert [event[key]["userAgent"] for event in events] == ["mine", "mine"]


def test_any_text_can_be_published_as_it_is(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """A custom event goes to the only topic, late and twice under one message id when requested."""
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
    """drop_rate 1: the bounce is not reported, and yet SES has suppressed the address."""
    control(simulator, "POST", "behaviours", {"kim@example.com": "bounce"})
    control(simulator, "POST", "events", {"stream": {"drop_rate": 1}})
    send_watched(ses, "kim@example.com")
    until(lambda: is_suppressed(ses, "kim@example.com"))
    assert until(lambda: control(simulator, "GET", "events")["dropped"]) == 2
    assert endpoint.events() == []


def test_a_stream_can_reorder_the_events_of_an_email(simulator: Simulator, endpoint: Endpoint, ses: Any) -> None:
    """Among several emails at least one has its Complaint published before its Send, by the published timestamps."""
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
    """before_response: once the message id is known, the endpoint has every event of that email."""
    control(simulator, "POST", "events", {"stream": {"before_response": True}})
    ses_message_id = send_watched(ses, "bounce@simulator.amazonses.com")
    assert sorted(endpoint.kinds()) == ["Bounce", "Send"]
    assert {event["mail"]["messageId"] for event in endpoint.events()} == {ses_message_id}


def test_a_caller_that_hangs_up_changes_nothing(tmp_path: Path) -> None:
    """An email that was accepted after its sender gave up waiting is on the ledger and has all its events."""
    with Simulator(Options(data=tmp_path, latency=5, event_delay=(0.001, 0.002))) as slow, listening(slow) as endpoint:
        publish_events(slow, subscribe(slow, endpoint))
        with pytest.raises(ReadTimeoutError):
            send_watched(client("sesv2", slow, read_timeout=0.1), "ann@example.com")
        until(lambda: sorted(endpoint.kinds()) == ["Delivery", "Send"])
        assert [entry["recipient"] for entry in ledger(slow)] == ["ann@example.com"]


def test_faults_are_cleared_together(simulator: Simulator) -> None:
    """DELETE of the faults also resets the stream."""
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
    """An invalid request is answered 400 and changes nothing."""
    answer = fetch(simulator, f"/_simulator/{path}", method="POST", content=content)
    assert answer.status == 400
    assert answer.json()["error"]
    assert control(simulator, "GET", "behaviours") == {}
    assert control(simulator, "GET", "faults") == []


def test_pages_of_other_sites_cannot_use_the_control_surface(simulator: Simulator) -> None:
    """A browser that sends another site's Origin is refused."""
    headers = {"Origin": "https://elsewhere.example"}
    assert fetch(simulator, "/_simulator/faults", method="DELETE", headers=headers).status == 403
