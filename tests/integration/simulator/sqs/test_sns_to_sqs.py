"""Notifications in queues: subscribed ones, and dead-letter queues of subscriptions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import Options, Simulator
from tests.support.aws.queues import allow_topic, bodies, make_queue
from tests.support.aws.simulator import (
    Endpoint,
    client,
    control,
    fetch,
    is_authentic,
    publish_events,
    send_watched,
    subscribe,
    until,
)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator whose events follow within milliseconds, and that tries deliveries again at once."""
    with Simulator(Options(data=tmp_path, event_delay=(0.001, 0.002), retry_delay=0.01, seed=7)) as running:
        yield running


@pytest.fixture
def topic(sns: Any) -> str:
    """The ARN of a topic with signature version 2."""
    arn = str(sns.create_topic(Name="feedback")["TopicArn"])
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="2")
    return arn


def lost(simulator: Simulator) -> int:
    """Return the number of lost deliveries, once none is under way."""
    counts = until(lambda: found if not (found := control(simulator, "GET", "deliveries")["counts"])["pending"] else {})
    return int(counts["lost"])


def test_a_queue_is_subscribed_at_once_and_gets_signed_envelopes(simulator: Simulator, sns: Any, topic: str) -> None:
    """No handshake; the body of the message is the envelope that an endpoint would get."""
    queue = make_queue(simulator, "intake", topics=[topic])
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    assert arn.startswith(topic + ":")
    message_id = sns.publish(TopicArn=topic, Message="Grüße", Subject="A subject")["MessageId"]
    (body,) = bodies(simulator, queue)
    envelope = json.loads(body)
    assert is_authentic(envelope, simulator)
    assert (envelope["Type"], envelope["MessageId"], envelope["Message"]) == ("Notification", message_id, "Grüße")
    assert envelope["UnsubscribeURL"].endswith(arn)
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("false", "true")
    query = envelope["UnsubscribeURL"].partition("?")[2]
    assert fetch(simulator, f"/?{query}").status == 403


def test_events_of_ses_reach_a_queue(simulator: Simulator, sns: Any, topic: str) -> None:
    """An email with a configuration set leads to Send and Delivery in the queue."""
    queue = make_queue(simulator, "intake", topics=[topic])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    publish_events(simulator, topic)
    send_watched(client("sesv2", simulator), "ann@example.com")
    greeting, *events = [json.loads(body)["Message"] for body in bodies(simulator, queue, number=3)]
    assert greeting.startswith("Successfully validated SNS topic")
    assert sorted(json.loads(event)["eventType"] for event in events) == ["Delivery", "Send"]


def test_raw_delivery_puts_the_bare_message_in_a_queue(simulator: Simulator, sns: Any, topic: str) -> None:
    """With RawMessageDelivery the body has no envelope and no signature; an HTTP endpoint may not ask for it here."""
    queue = make_queue(simulator, "intake", topics=[topic])
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=raw)
    sns.publish(TopicArn=topic, Message="bare")
    assert bodies(simulator, queue) == ["bare"]
    with pytest.raises(ClientError):
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:1/", Attributes=raw)


@pytest.mark.parametrize(
    "policy",
    [
        None,
        {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sqs:SendMessage"},
        {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:ReceiveMessage"},
        {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:another"}},
        },
    ],
    ids=["none", "another-service", "another-action", "another-topic"],
)
def test_a_queue_gets_only_what_its_policy_allows(
    simulator: Simulator, sns: Any, topic: str, policy: dict[str, Any] | None
) -> None:
    """Without a statement for SNS and this topic, the message is lost, and the log says why."""
    queue = make_queue(simulator, "intake")
    if policy is not None:
        document = {"Version": "2012-10-17", "Statement": [policy | {"Resource": queue.arn}]}
        attributes = {"Policy": json.dumps(document)}
        client("sqs", simulator).set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    sns.publish(TopicArn=topic, Message="unwelcome")
    assert lost(simulator) == 1
    (delivery,) = control(simulator, "GET", "deliveries")["deliveries"]
    assert [attempt["error"] for attempt in delivery["tries"]] == ["AccessDenied"]
    allow_topic(simulator, queue, [topic])
    sns.publish(TopicArn=topic, Message="welcome")
    assert [json.loads(body)["Message"] for body in bodies(simulator, queue)] == ["welcome"]


def test_a_deleted_queue_loses_its_notifications(simulator: Simulator, sns: Any, topic: str) -> None:
    """The subscription stays, as at AWS, and every message for it is lost."""
    queue = make_queue(simulator, "intake", topics=[topic])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    client("sqs", simulator).delete_queue(QueueUrl=queue.url)
    sns.publish(TopicArn=topic, Message="too late")
    assert lost(simulator) == 1


@pytest.mark.parametrize("answers", [[500] * 4, [403]], ids=["out-of-tries", "refused"])
def test_what_an_endpoint_did_not_take_waits_in_the_dead_letter_queue(
    simulator: Simulator, endpoint: Endpoint, sns: Any, answers: list[int]
) -> None:
    """After the last try, or one final refusal, the queue of the redrive policy has the envelope as it was posted."""
    topic = subscribe(simulator, endpoint)
    queue = make_queue(simulator, "dead", topics=[topic])
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="RedrivePolicy",
        AttributeValue=json.dumps({"deadLetterTargetArn": queue.arn}),
    )
    endpoint.answers = answers
    sns.publish(TopicArn=topic, Message="kept")
    (body,) = bodies(simulator, queue)
    assert json.loads(body) == endpoint.notifications()[0].envelope
    assert lost(simulator) == 0


def test_an_endpoint_that_is_no_queue_of_the_account_is_refused(sns: Any, topic: str) -> None:
    """Subscribe needs the ARN of a queue in the same account and region."""
    for wrong in ("http://127.0.0.1:1/", "arn:aws:sqs:us-east-1:999999999999:intake"):
        with pytest.raises(sns.exceptions.InvalidParameterException):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=wrong)
