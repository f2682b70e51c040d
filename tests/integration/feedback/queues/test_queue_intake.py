"""The intake of a queue: authentic notifications are stored and then deleted, all others are kept aside and seen."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws.sns.verifier import SnsMessage, SubscriptionConfirmer
from app.services.feedback.receive import Receipt
from tests.support.aws import sns_signing
from tests.support.aws.notifications import bounced
from tests.support.aws.queue_stage import QueueStage, notification, queue_stage
from tests.support.gateway.rows import count, rows

NEWS = json.dumps(bounced("kim@example.net", message="m1"))


@pytest.fixture
def stage(migrated_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStage]:
    with queue_stage(migrated_url, redis_url, tmp_path, monkeypatch) as built:
        yield built


def refused(stage: QueueStage) -> list[tuple[str, str]]:
    """Reason and text of each message that was kept aside."""
    return [(row["reason"], row["raw"]) for row in rows(stage.gateway, "refused_messages")]


def counts(stage: QueueStage) -> dict[str, int]:
    (queue,) = stage.gateway.measure().queues
    return {name: number for name, number in queue.counts.items() if number}


def test_a_notification_of_a_queue_is_stored_settled_and_deleted(stage: QueueStage) -> None:
    """A bounce that comes by SQS suppresses its address as one that comes by HTTPS does."""
    stage.put(notification(NEWS))
    assert stage.turns() == [0.0]
    [row] = rows(stage.gateway, "notifications")
    assert (row["raw"], row["state"], row["topic_arn"]) == (NEWS, "new", sns_signing.TOPIC_ARN)
    assert stage.held() == (0, 0)
    stage.gateway.settle.drain()
    assert [row["key"] for row in rows(stage.gateway, "suppressions")] == ["kim@example.net"]
    assert count(stage.gateway, "incidents") == 0


def test_a_queue_and_the_webhook_store_a_notification_once(stage: QueueStage) -> None:
    """The id that SNS gives to a notification is the same in both, so both may be subscribed at once."""
    both, first = notification(NEWS), notification("{}")
    assert stage.gateway.receive is not None
    assert stage.gateway.receive(sns_signing.body(both), sns_signing.headers(both)) is Receipt.STORED
    stage.put(both, both, first)
    stage.turns()
    assert stage.gateway.receive(sns_signing.body(first), sns_signing.headers(first)) is Receipt.DUPLICATE
    assert count(stage.gateway, "notifications") == 2
    assert stage.held() == (0, 0)
    stage.turns()
    assert counts(stage) == {"received": 3, "stored": 1, "duplicate": 2, "deleted": 3}


def forged() -> dict[str, Any]:
    return sns_signing.forger().notification(NEWS)


def unsigned() -> dict[str, Any]:
    envelope: dict[str, Any] = dict(notification(NEWS))
    del envelope["Signature"]
    return envelope


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda: NEWS, "raw_delivery"),
        (lambda: "no JSON at all", "not_json"),
        (lambda: "[" * 5000, "not_json"),
        (lambda: notification(NEWS, topic_arn=sns_signing.OTHER_ACCOUNTS_TOPIC_ARN), "foreign_topic"),
        (forged, "forged"),
        (unsigned, "wrong_form"),
        (lambda: notification("x" * 300_000), "wrong_form"),
    ],
    ids=["raw", "text", "deep", "foreign", "forged", "unsigned", "long"],
)
def test_a_message_that_is_not_authentic_is_kept_aside_seen_and_never_looped(
    stage: QueueStage, make: Any, reason: str
) -> None:
    """It is not stored as a notification; it is gone from the queue, and an incident shows it with its reason."""
    good = notification(NEWS)
    stage.put(make(), good)
    stage.turns(2)
    assert [row["sns_message_id"] for row in rows(stage.gateway, "notifications")] == [good["MessageId"]]
    assert stage.held() == (0, 0)
    [(found, text)] = refused(stage)
    assert found == reason
    body = make()
    whole = body if isinstance(body, str) else sns_signing.body(body).decode()
    assert len(text) == min(len(whole), 65_536)
    assert text[:40] == whole[:40]
    [incident] = rows(stage.gateway, "incidents")
    assert (incident["kind"], incident["subject"], incident["count"]) == ("queue_message_refused", "intake", 1)
    assert reason in incident["detail"]
    assert counts(stage) == {"received": 2, "stored": 1, "refused": 1, "deleted": 2}


def test_a_message_that_may_be_ours_stays_in_the_queue(stage: QueueStage) -> None:
    """A topic of our account that is not listed may be a gap in the settings: it waits, and others are stored."""
    ours = sns_signing.TOPIC_ARN + "-of-another-set"
    stage.put(notification(NEWS, topic_arn=ours), notification("{}"))
    stage.turns()
    assert count(stage.gateway, "notifications") == 1
    assert stage.held() == (0, 1)
    assert refused(stage) == []


def test_a_message_that_waits_for_long_is_an_incident(stage: QueueStage) -> None:
    """After a few receives a person has to see why nothing comes of it."""
    stage.put(notification(NEWS, topic_arn=sns_signing.TOPIC_ARN + "-of-another-set"))
    for _ in range(3):
        [message] = stage.sqs.receive_message(QueueUrl=stage.queue.url, WaitTimeSeconds=1).get("Messages", [])
        change = {"QueueUrl": stage.queue.url, "ReceiptHandle": message["ReceiptHandle"]}
        stage.sqs.change_message_visibility(**change, VisibilityTimeout=0)
    assert stage.turns()[0] > 0
    [incident] = rows(stage.gateway, "incidents")
    assert (incident["kind"], incident["subject"]) == ("queue_message_waits", "intake")
    assert "topic_not_listed" in incident["detail"]


def test_the_end_of_a_subscription_is_an_incident(stage: QueueStage) -> None:
    """As with the webhook; the message needs no row of its own, and is deleted."""
    stage.put(sns_signing.signer().unsubscribe_confirmation())
    stage.turns()
    assert [row["kind"] for row in rows(stage.gateway, "incidents")] == ["feedback_unsubscribed"]
    assert stage.held() == (0, 0)
    assert count(stage.gateway, "notifications") == 0


def test_a_subscription_of_another_account_is_confirmed(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS asks in the queue when the owner of the topic is not the owner of the queue."""
    confirmed: list[str] = []

    def confirm(_: SubscriptionConfirmer, message: SnsMessage) -> str:
        confirmed.append(message.topic_arn)
        return "arn"

    monkeypatch.setattr(SubscriptionConfirmer, "confirm", confirm)
    stage.put(sns_signing.signer().subscription_confirmation())
    stage.turns()
    assert confirmed == [sns_signing.TOPIC_ARN]
    assert stage.held() == (0, 0)


def test_an_old_confirmation_that_sns_refuses_is_kept_aside(stage: QueueStage) -> None:
    """Its token is over, so that it would be asked in vain for two weeks; a fresh one waits."""
    old = datetime.now(UTC) - timedelta(days=4)
    stage.put(sns_signing.signer().subscription_confirmation(at=old), sns_signing.signer().subscription_confirmation())
    stage.turns()
    assert [reason for reason, _ in refused(stage)] == ["not_confirmed"]
    assert stage.held() == (0, 1)
