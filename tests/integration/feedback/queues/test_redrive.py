"""`feedback redrive`: what a dead-letter queue or an archive holds comes back, verified, once, and at any age."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.aws.sqs.queue import QueueUnavailable, SqsQueue
from app.domain.errors import RestrictedApiKey, ValidationFailed
from app.services.feedback.queues.redrive import Order, Redriven
from tests.support.aws import sns_signing
from tests.support.aws.notifications import bounced
from tests.support.aws.queue_stage import QueueStage, notification, queue_stage
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import count, rows

NEWS = json.dumps(bounced("kim@example.net", message="m1"))
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def stage(migrated_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStage]:
    with queue_stage(migrated_url, redis_url, tmp_path, monkeypatch) as built:
        yield built


def redrive(stage: QueueStage, **order: Any) -> Redriven:
    return stage.gateway.redrive(ROOT, stage.queue.url, Order(**order))


def counted(done: Redriven) -> dict[str, int]:
    return {name: number for name, number in done.counts.items() if number}


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_what_a_queue_holds_is_stored_and_deleted_from_it(stage: QueueStage) -> None:
    """More than one receive brings; a notification that the webhook had stored is not stored again."""
    stored = notification(NEWS)
    assert stage.gateway.receive is not None
    stage.gateway.receive(sns_signing.body(stored), sns_signing.headers(stored))
    stage.put(stored, *[notification(f'"{number}"') for number in range(23)])
    done = redrive(stage)
    assert (counted(done), done.deleted) == ({"stored": 23, "duplicate": 1}, 24)
    assert stage.held() == (0, 0)
    assert count(stage.gateway, "notifications") == 24
    [row] = rows(stage.gateway, "audit", action="feedback_redrive")
    assert (row["actor"], row["data"]) == (ROOT.actor, {"queue": "intake", "count": 23})


def test_old_notifications_are_taken(stage: QueueStage) -> None:
    """The webhook refuses them for good; a person who brings them back knows where they come from."""
    stage.put(notification(NEWS, at=days_ago(40)))
    assert counted(redrive(stage)) == {"stored": 1}


def test_what_is_not_authentic_stays_in_its_queue(stage: QueueStage) -> None:
    """It is counted with its reason, and the queue keeps it for a person."""
    stage.put(sns_signing.body(sns_signing.forger().notification(NEWS)).decode(), NEWS, notification("{}"))
    done = redrive(stage)
    assert counted(done) == {"refused": 2, "stored": 1}
    assert {reason.partition(":")[0] for reason in done.reasons} == {"forged", "raw_delivery"}
    assert stage.held() == (2, 0)
    assert count(stage.gateway, "refused_messages") == 0


def test_a_dry_run_changes_nothing(stage: QueueStage) -> None:
    """It counts what a run would do, and the messages are visible again after it."""
    known = notification(NEWS)
    stage.put(known)
    redrive(stage)
    stage.put(known, notification("{}"), *[notification(f'"{number}"') for number in range(12)])
    done = redrive(stage, dry_run=True)
    assert (counted(done), done.deleted) == ({"stored": 13, "duplicate": 1}, 0)
    assert stage.held() == (14, 0)
    assert count(stage.gateway, "notifications") == 1
    assert count(stage.gateway, "audit", action="feedback_redrive") == 1


def test_an_archive_keeps_what_is_brought_back(stage: QueueStage) -> None:
    """With `keep` the messages stay, and a second run stores nothing more."""
    stage.put(*[notification(f'"{number}"') for number in range(12)])
    assert counted(redrive(stage, keep=True)) == {"stored": 12}
    assert stage.held() == (12, 0)
    assert counted(redrive(stage, keep=True)) == {"duplicate": 12}
    assert stage.held() == (12, 0)


def test_a_range_of_dates_leaves_the_rest_in_the_queue(stage: QueueStage) -> None:
    """From a moment on, and before another: what SNS published outside of it is skipped. So are confirmations."""
    stage.put(*[notification(f'"{days}"', at=days_ago(days)) for days in (1, 2, 3, 4)])
    stage.put(sns_signing.signer().subscription_confirmation())
    done = redrive(stage, since=days_ago(3), until=days_ago(1.5))
    assert counted(done) == {"stored": 2, "skipped": 3}
    assert sorted(row["raw"] for row in rows(stage.gateway, "notifications")) == ['"2"', '"3"']
    assert stage.held() == (3, 0)


def test_an_interrupted_run_gives_back_what_it_has_received(stage: QueueStage) -> None:
    """What was stored stays stored, all that is left is visible at once, and the next run goes on."""
    stage.put(*[notification(f'"{number}"') for number in range(15)])

    def interrupt(_: Redriven) -> None:
        raise KeyboardInterrupt

    for order, left in ((Order(dry_run=True), 15), (Order(keep=True), 15), (Order(), 5)):
        with pytest.raises(KeyboardInterrupt):
            stage.gateway.redrive(ROOT, stage.queue.url, order, show=interrupt)
        assert stage.held() == (left, 0)
    counts = counted(redrive(stage))
    assert sum(counts.values()) == 5
    assert stage.held() == (0, 0)
    assert count(stage.gateway, "notifications") == 15


def test_a_run_that_dies_before_it_deletes_is_repeated(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored before deleted: nothing is lost, and the second run deletes duplicates."""
    stage.put(notification(NEWS))

    def away(*_: object) -> int:
        raise QueueUnavailable("SQS was not reached")

    with monkeypatch.context() as patch:
        patch.setattr(SqsQueue, "delete", away)
        with pytest.raises(QueueUnavailable):
            redrive(stage)
    assert stage.held() == (1, 0)
    assert counted(redrive(stage)) == {"duplicate": 1}
    assert stage.held() == (0, 0)


def test_what_may_be_our_fault_stays_for_the_next_run(stage: QueueStage) -> None:
    """A topic of our account that is not listed: list it, and run again."""
    stage.put(notification(NEWS, topic_arn=sns_signing.TOPIC_ARN + "-more"))
    assert counted(redrive(stage)) == {"left": 1}
    assert stage.held() == (1, 0)


def test_a_redrive_needs_a_queue_a_topic_and_a_person(stage: QueueStage) -> None:
    """Anything else is refused before SQS is asked."""
    for url in ("https://example.com/123456789012/q", f"{stage.queue.url}.fifo"):
        with pytest.raises(ValidationFailed):
            stage.gateway.redrive(ROOT, url, Order())
    without_topic = stage.build(sns_topic_arns="", sqs_queue_urls="")
    with pytest.raises(ValidationFailed, match="SNS_TOPIC_ARNS"):
        without_topic.redrive(ROOT, stage.queue.url, Order())
    with pytest.raises(RestrictedApiKey):
        stage.gateway.redrive(caller(stage.gateway), stage.queue.url, Order())
