"""Eventual consistency, and the snapshot of the account."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import Simulator
from tests.support.aws.queues import make_queue
from tests.support.aws.simulator import Endpoint, client, control, fetch, publish_events, subscribe, until

LATE_MS = 2_500
"""A busy machine makes two dozen calls within it."""


def missing(call: Callable[..., Any], **request: Any) -> str:
    """Make a call that must not find what it is about, and return the code of the error."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_what_was_just_made_is_not_seen_at_once(simulator: Simulator) -> None:
    """Reads and updates do not find a topic, queue, set or identity; making it again does; later all is there."""
    sns, sqs, ses = (client(service, simulator) for service in ("sns", "sqs", "sesv2"))
    control(simulator, "PUT", "consistency", {"visible_after_ms": LATE_MS})
    started = time.monotonic()
    arn = sns.create_topic(Name="feedback")["TopicArn"]
    url = sqs.create_queue(QueueName="intake")["QueueUrl"]
    ses.create_configuration_set(ConfigurationSetName="postern")
    ses.create_email_identity(EmailIdentity="example.com")
    reads: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
        (sns.get_topic_attributes, {"TopicArn": arn}, "NotFound"),
        (sns.subscribe, {"TopicArn": arn, "Protocol": "http", "Endpoint": "http://127.0.0.1:1/"}, "NotFound"),
        (sns.list_tags_for_resource, {"ResourceArn": arn}, "ResourceNotFound"),
        (sqs.get_queue_url, {"QueueName": "intake"}, "AWS.SimpleQueueService.NonExistentQueue"),
        (sqs.list_queue_tags, {"QueueUrl": url}, "AWS.SimpleQueueService.NonExistentQueue"),
        (ses.get_configuration_set, {"ConfigurationSetName": "postern"}, "NotFoundException"),
        (ses.get_email_identity, {"EmailIdentity": "example.com"}, "NotFoundException"),
    ]
    found = [missing(call, **request) for call, request, _ in reads]
    lists = (
        sns.list_topics()["Topics"],
        sqs.list_queues().get("QueueUrls", []),
        ses.list_configuration_sets()["ConfigurationSets"],
        ses.list_email_identities()["EmailIdentities"],
    )
    assert sns.create_topic(Name="feedback")["TopicArn"] == arn
    assert sqs.create_queue(QueueName="intake")["QueueUrl"] == url
    assert missing(ses.create_configuration_set, ConfigurationSetName="postern") == "AlreadyExistsException"
    assert missing(ses.create_email_identity, EmailIdentity="example.com") == "AlreadyExistsException"
    assert time.monotonic() - started < LATE_MS / 1000, "too slow to say anything"
    assert found == [code for _, _, code in reads]
    assert lists == ([], [], [], [])
    until(lambda: sns.list_topics()["Topics"] and sqs.list_queues().get("QueueUrls"))
    until(lambda: ses.list_configuration_sets()["ConfigurationSets"] and ses.list_email_identities()["EmailIdentities"])
    for call, request, _ in reads:
        call(**request)


def test_a_new_subscription_is_not_seen_at_once(simulator: Simulator) -> None:
    """Its ARN is not found and no list has it for a moment; subscribing again gives the same ARN."""
    sns = client("sns", simulator)
    topic = sns.create_topic(Name="feedback")["TopicArn"]
    queue = make_queue(simulator, "intake", topics=[topic])
    control(simulator, "PUT", "consistency", {"visible_after_ms": LATE_MS})
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue.arn}
    started = time.monotonic()
    arn = sns.subscribe(**request)["SubscriptionArn"]
    code = missing(sns.get_subscription_attributes, SubscriptionArn=arn)
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert sns.subscribe(**request)["SubscriptionArn"] == arn
    assert time.monotonic() - started < LATE_MS / 1000, "too slow to say anything"
    assert (code, listed) == ("NotFound", [])
    until(lambda: sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"])


def test_the_delay_ends_with_the_rule(simulator: Simulator) -> None:
    """After zero is set, what is made from then on is seen at once; a wrong request changes nothing."""
    control(simulator, "PUT", "consistency", {"visible_after_ms": 60_000})
    assert fetch(simulator, "/_simulator/consistency", method="PUT", content={"visible": 1}).status == 400
    assert control(simulator, "GET", "consistency")["visible_after_ms"] == 60_000
    control(simulator, "PUT", "consistency", {"visible_after_ms": 0})
    sns = client("sns", simulator)
    arn = sns.create_topic(Name="feedback")["TopicArn"]
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["TopicArn"] == arn
    assert control(simulator, "GET", "consistency") == {"visible_after_ms": 0.0, "queue_name_taken_ms": 0.0}


def test_the_name_of_a_deleted_queue_may_be_taken_for_a_while(simulator: Simulator) -> None:
    """With the control call, making it again raises QueueDeletedRecently until the time has passed."""
    sqs = client("sqs", simulator)
    control(simulator, "PUT", "consistency", {"queue_name_taken_ms": LATE_MS})
    url = sqs.create_queue(QueueName="intake")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        sqs.create_queue(QueueName="intake")

    def made() -> bool:
        try:
            return bool(sqs.create_queue(QueueName="intake")["QueueUrl"] == url)
        except sqs.exceptions.QueueDeletedRecently:
            return False

    until(made)


def test_the_snapshot_shows_everything_and_is_stable(simulator: Simulator, endpoint: Endpoint) -> None:
    """Every resource with attributes and tags; asked for twice it is the same text, without times and messages."""
    empty = control(simulator, "GET", "resources")
    tags = [{"Key": "postern", "Value": "main"}]
    ses, sqs = client("sesv2", simulator), client("sqs", simulator)
    topic = subscribe(simulator, endpoint, topic="feedback")
    client("sns", simulator).tag_resource(ResourceArn=topic, Tags=tags)
    queue = make_queue(simulator, "intake")
    sqs.tag_queue(QueueUrl=queue.url, Tags={"postern": "main"})
    publish_events(simulator, topic)
    ses.create_email_identity(EmailIdentity="example.com", Tags=tags)
    ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    found = control(simulator, "GET", "resources")
    assert found["topics"][topic]["tags"] == {"postern": "main"}
    assert found["topics"][topic]["attributes"] == {"SignatureVersion": "2"}
    assert found["topics"][topic]["subscriptions"] == [
        {"protocol": "http", "endpoint": endpoint.url, "confirmed": True, "attributes": {}}
    ]
    assert found["queues"][queue.arn]["tags"] == {"postern": "main"}
    assert found["queues"][queue.arn]["attributes"]["VisibilityTimeout"] == "30"
    destination = found["configuration_sets"]["postern"]["destinations"]["feedback"]
    assert destination["SnsDestination"] == {"TopicArn": topic}
    assert found["identities"]["example.com"]["tags"] == {"postern": "main"}
    assert found["account"]["suppressed_reasons"] == ["COMPLAINT"]
    sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    assert json.dumps(control(simulator, "GET", "resources")) == json.dumps(found)
    assert {name: bool(part) for name, part in empty.items() if name != "account"} == dict.fromkeys(
        ("identities", "configuration_sets", "topics", "queues"), False
    )


def test_an_account_that_was_emptied_looks_as_before(simulator: Simulator, endpoint: Endpoint) -> None:
    """After everything that was made is deleted, the snapshot is that of the empty account."""
    empty = control(simulator, "GET", "resources")
    sns, sqs, ses = (client(service, simulator) for service in ("sns", "sqs", "sesv2"))
    topic = subscribe(simulator, endpoint)
    queue = make_queue(simulator, "intake", topics=[topic])
    publish_events(simulator, topic)
    ses.create_email_identity(EmailIdentity="example.com")
    assert control(simulator, "GET", "resources") != empty
    ses.delete_configuration_set(ConfigurationSetName="postern")
    ses.delete_email_identity(EmailIdentity="example.com")
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue.url)
    assert control(simulator, "GET", "resources") == empty
