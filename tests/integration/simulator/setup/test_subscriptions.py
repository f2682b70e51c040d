"""The simulator's subscriptions, as boto3 sees them: made once, confirmed, changed, ended."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Simulator
from tests.support.aws.queues import bodies, make_queue
from tests.support.aws.simulator import Endpoint, client, listening, subscribe, until

POLICY = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 60, "numRetries": 50}}
REDRIVE = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"}


@pytest.fixture
def sns(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sns", simulator)


@pytest.fixture
def topic(sns: Any) -> str:
    """The ARN of a topic."""
    return str(sns.create_topic(Name="feedback")["TopicArn"])


@pytest.fixture
def silent(simulator: Simulator) -> Iterator[Endpoint]:
    """A subscriber that does not confirm."""
    with listening(simulator, confirms=False) as running:
        yield running


def test_subscribing_again_asks_a_silent_endpoint_again(sns: Any, topic: str, silent: Endpoint) -> None:
    """There is still one subscription, it is pending, its ARN is known to those who ask, and it was asked twice."""
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": silent.url}
    first = sns.subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"]
    until(lambda: len(silent.received) == 1)
    assert sns.subscribe(**request)["SubscriptionArn"] == "pending confirmation"
    assert sns.subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"] == first
    until(lambda: len(silent.received) == 3)
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert sns.get_subscription_attributes(SubscriptionArn=first)["Attributes"]["PendingConfirmation"] == "true"
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]) == ("1", "0")


def test_attributes_come_with_the_subscription(sns: Any, topic: str, silent: Endpoint) -> None:
    """They are shown as SNS completes them; other ones for the same endpoint are refused, the same ones are not."""
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": silent.url, "ReturnSubscriptionArn": True}
    given = {"DeliveryPolicy": json.dumps(POLICY), "RedrivePolicy": json.dumps(REDRIVE)}
    arn = sns.subscribe(**request, Attributes=given)["SubscriptionArn"]
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert json.loads(found["RedrivePolicy"]) == REDRIVE
    empty = {"sicklyRetryPolicy": None, "throttlePolicy": None, "requestPolicy": None, "guaranteed": False}
    assert json.loads(found["DeliveryPolicy"]) == POLICY | empty
    assert found["RawMessageDelivery"] == "false"
    assert sns.subscribe(**request, Attributes=given)["SubscriptionArn"] == arn
    assert sns.subscribe(**request)["SubscriptionArn"] == arn
    other = {"DeliveryPolicy": json.dumps({"healthyRetryPolicy": POLICY["healthyRetryPolicy"] | {"numRetries": 3}})}
    with pytest.raises(sns.exceptions.InvalidParameterException, match="already exists with different attributes"):
        sns.subscribe(**request, Attributes=other)


def test_a_filter_on_attributes_keeps_everything_away(simulator: Simulator, sns: Any, topic: str) -> None:
    """Messages of SES have no attributes, so a filter policy lets none through, until it is removed."""
    queue = make_queue(simulator, "intake", topics=[topic])
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    request = {"SubscriptionArn": arn, "AttributeName": "FilterPolicy"}
    sns.set_subscription_attributes(**request, AttributeValue='{"kind": ["bounce"]}')
    sns.publish(TopicArn=topic, Message="filtered")
    sns.set_subscription_attributes(**request, AttributeValue="{}")
    sns.publish(TopicArn=topic, Message="let through")
    assert [json.loads(body)["Message"] for body in bodies(simulator, queue)] == ["let through"]


def test_attributes_can_be_changed_and_removed(sns: Any, topic: str, silent: Endpoint) -> None:
    """An empty value removes one; a wrong one changes nothing."""
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": silent.url, "ReturnSubscriptionArn": True}
    arn = sns.subscribe(**request)["SubscriptionArn"]

    def change(name: str, value: str) -> dict[str, str]:
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
        found: dict[str, str] = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        return found

    assert json.loads(change("RedrivePolicy", json.dumps(REDRIVE))["RedrivePolicy"]) == REDRIVE
    for name, value in (
        ("RedrivePolicy", '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:999999999999:dead"}'),
        ("RedrivePolicy", json.dumps(REDRIVE | {"maxReceiveCount": 3})),
        ("DeliveryPolicy", '{"healthyRetryPolicy": {"numRetries": 101}}'),
        ("DeliveryPolicy", "{"),
        ("RawMessageDelivery", "true"),
        ("Colour", "blue"),
    ):
        with pytest.raises(sns.exceptions.InvalidParameterException):
            change(name, value)
    assert "RedrivePolicy" not in change("RedrivePolicy", "")


def test_a_pending_subscription_cannot_be_ended(sns: Any, topic: str, silent: Endpoint) -> None:
    """SNS refuses both its ARN and the words in its place; it goes with the topic, and its token confirms nothing."""
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": silent.url, "ReturnSubscriptionArn": True}
    arn = sns.subscribe(**request)["SubscriptionArn"]
    for name, reason in ((arn, "pending confirmation"), ("PendingConfirmation", "An ARN must have")):
        with pytest.raises(sns.exceptions.InvalidParameterException, match=reason):
            sns.unsubscribe(SubscriptionArn=name)
    token = until(lambda: silent.received)[0].envelope["Token"]
    sns.delete_topic(TopicArn=topic)
    assert sns.list_subscriptions()["Subscriptions"] == []
    assert sns.create_topic(Name="feedback")["TopicArn"] == topic
    with pytest.raises(sns.exceptions.InvalidParameterException):
        sns.confirm_subscription(TopicArn=topic, Token=token)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_ending_a_subscription_twice_is_no_error(simulator: Simulator, sns: Any, topic: str) -> None:
    """The second call finds nothing to do; the subscription is in no list any more."""
    queue = make_queue(simulator, "intake", topics=[topic])
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions()["Subscriptions"] == []
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_subscription_attributes(SubscriptionArn=arn)


def test_a_deleted_topic_takes_its_subscriptions_along(simulator: Simulator, sns: Any, topic: str) -> None:
    """Confirmed ones are gone, too, and only those of this topic; deleting again is no error."""
    with listening(simulator) as endpoint:
        other = subscribe(simulator, endpoint, topic="other")
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
        until(
            lambda: (
                len([one for one in sns.list_subscriptions()["Subscriptions"] if ":" in one["SubscriptionArn"]]) == 2
            )
        )
        sns.delete_topic(TopicArn=topic)
        sns.delete_topic(TopicArn=topic)
        (left,) = sns.list_subscriptions()["Subscriptions"]
    assert left["TopicArn"] == other
    assert [one["TopicArn"] for one in sns.list_topics()["Topics"]] == [other]


def test_long_lists_come_in_pages(sns: Any) -> None:
    """A hundred topics a page, and a hundred subscriptions; boto3's paginators find all of them."""
    arns = [sns.create_topic(Name=f"topic-{number:03}")["TopicArn"] for number in range(101)]
    pages = list(sns.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 1]
    assert [topic["TopicArn"] for page in pages for topic in page["Topics"]] == arns
    for number in range(101):
        sns.subscribe(TopicArn=arns[0], Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:q{number}")
    for name, request in (("list_subscriptions", {}), ("list_subscriptions_by_topic", {"TopicArn": arns[0]})):
        found = list(sns.get_paginator(name).paginate(**request))
        assert [len(page["Subscriptions"]) for page in found] == [100, 1]
