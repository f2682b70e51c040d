"""Bad days of the intake: nothing is lost, nothing is looped without a pause, and no message delays another."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from app.aws.sns.envelope import read_envelope
from app.aws.sqs.queue import SqsQueue
from app.domain.errors import ServiceUnavailable
from app.services.feedback.queues import intake as intake_module
from app.services.feedback.queues import visibility
from app.services.feedback.queues.intake import STANDBY_S
from app.store.feedback import notifications
from tests.support.aws.notifications import bounced
from tests.support.aws.queue_stage import QueueStage, notification, queue_stage
from tests.support.aws.simulator import until
from tests.support.gateway.rows import count, rows
from worker.queue_pollers import QueuePollers

NEWS = json.dumps(bounced("kim@example.net", message="m1"))


@pytest.fixture
def stage(migrated_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStage]:
    with queue_stage(migrated_url, redis_url, tmp_path, monkeypatch) as built:
        yield built


def receives_of_all(stage: QueueStage) -> list[int]:
    """How often each visible message had been received before."""
    answer = stage.sqs.receive_message(
        QueueUrl=stage.queue.url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    return [int(one["Attributes"]["ApproximateReceiveCount"]) - 1 for one in answer.get("Messages", [])]


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours runs."""


def test_a_process_that_dies_before_it_deletes_has_stored(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages come again, to another process, which finds them stored and deletes them."""
    monkeypatch.setattr(intake_module, "HIDDEN_S", 1)
    stage.put(notification(NEWS), notification("{}"))

    def killed(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SqsQueue, "delete", killed)
        with pytest.raises(Killed):
            stage.intake.turn()
    assert count(stage.gateway, "notifications") == 2
    assert sum(stage.held()) == 2
    other = stage.build(sqs_pollers=2).queue_intakes[1]
    deadline = time.monotonic() + 10
    while sum(stage.held()) and time.monotonic() < deadline:
        other.turn()
    assert stage.held() == (0, 0)
    assert count(stage.gateway, "notifications") == 2


def test_a_process_that_dies_before_it_stores_has_deleted_nothing(
    stage: QueueStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever moment it dies at, the queue or the database has each notification."""
    stage.put(notification(NEWS))

    def killed(*_: object) -> frozenset[object]:
        raise Killed

    monkeypatch.setattr(notifications, "store", killed)
    with pytest.raises(Killed):
        stage.intake.turn()
    assert count(stage.gateway, "notifications") == 0
    assert sum(stage.held()) == 1


def test_without_a_database_nothing_is_received(stage: QueueStage) -> None:
    """A receive that cannot be stored would only be counted towards a dead-letter queue."""
    stage.put(notification(NEWS))
    away = stage.build(database_url="sqlite:////nowhere/at/all.db").queue_intakes[0]
    pauses = [away.turn() for _ in range(4)]
    assert all(0.4 < pause <= 8 for pause in pauses)
    assert receives_of_all(stage) == [0]


@contextmanager
def locked(stage: QueueStage) -> Iterator[None]:
    """Keep every writer of notifications waiting."""
    engine = create_engine(stage.database_url)
    lock = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(lock)
            yield
            connection.rollback()
    finally:
        engine.dispose()


def test_messages_stay_hidden_while_the_database_is_slow(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit may take longer than the messages are hidden: meanwhile no other process receives them."""
    monkeypatch.setattr(intake_module, "HIDDEN_S", 4)
    monkeypatch.setattr(visibility, "HIDDEN_S", 4)
    monkeypatch.setattr(intake_module, "kept_hidden", lambda *given: visibility.kept_hidden(*given, every_s=0.3))
    assert stage.turns() == [0.0]
    stage.put(notification(NEWS), notification("{}"))
    turned: list[float] = []
    with locked(stage):
        thread = threading.Thread(target=lambda: turned.append(stage.intake.turn()))
        thread.start()
        until(lambda: stage.held() == (0, 2))
        ends = time.monotonic() + 6
        while time.monotonic() < ends:
            assert receives_of_all(stage) == []
            time.sleep(0.2)
    thread.join()
    assert turned == [0.0]
    assert stage.held() == (0, 0)
    assert count(stage.gateway, "notifications") == 2


def test_a_database_that_stays_away_gets_no_message_deleted(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some tries the messages go back to the queue, and the poller pauses."""
    monkeypatch.setattr(intake_module, "_STORE_TRIES", 2)
    stage.turns()
    stage.put(notification(NEWS))

    def away(*_: object) -> frozenset[object]:
        raise ServiceUnavailable("The database did not answer in time.")

    monkeypatch.setattr(notifications, "store", away)
    [pause] = stage.turns()
    assert pause > 0
    assert stage.held() == (0, 1)
    assert count(stage.gateway, "notifications") == 0


def test_a_message_that_breaks_our_code_delays_no_other_and_is_set_aside(
    stage: QueueStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried five times, others are stored meanwhile, and then a person sees it."""
    monkeypatch.setattr(intake_module, "wait_of", lambda _: 0)

    def breaking(body: bytes, headers: Any) -> Any:
        if b"poison" in body:
            raise ZeroDivisionError
        return read_envelope(body, headers)

    monkeypatch.setattr("app.aws.sns.verifier.read_envelope", breaking)
    stage.put(notification('"poison"'), notification(NEWS))
    stage.turns()
    assert count(stage.gateway, "notifications") == 1
    for _ in range(8):
        stage.turns()
    assert stage.held() == (0, 0)
    [aside] = rows(stage.gateway, "refused_messages")
    assert (aside["reason"], "poison" in aside["raw"]) == ("crashed", True)
    kinds = {row["kind"] for row in rows(stage.gateway, "incidents")}
    assert kinds == {"queue_message_refused", "queue_message_waits"}


def test_a_row_that_the_database_refuses_spoils_no_other(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is stored one by one; the one that fails is tried again, and set aside in the end."""
    monkeypatch.setattr(intake_module, "wait_of", lambda _: 0)
    store = notifications.store

    def refusing(connection: Any, new: Any) -> Any:
        if any("poison" in one.raw for one in new):
            raise ValueError("no such character")
        return store(connection, new)

    monkeypatch.setattr(notifications, "store", refusing)
    stage.put(notification(NEWS), notification('"poison"'), notification("{}"))
    stage.turns()
    assert count(stage.gateway, "notifications") == 2
    for _ in range(8):
        stage.turns()
    assert [row["reason"] for row in rows(stage.gateway, "refused_messages")] == ["crashed"]
    assert stage.held() == (0, 0)


def test_sqs_that_is_away_is_asked_with_pauses_and_is_an_incident(stage: QueueStage) -> None:
    """The pauses grow, and after some a person has to see that no notification comes."""
    stage.turns()
    stage.sqs.delete_queue(QueueUrl=stage.queue.url)
    pauses = stage.turns(6)
    assert all(pause > 0.4 for pause in pauses)
    assert max(pauses) > 4
    [incident] = rows(stage.gateway, "incidents")
    assert (incident["kind"], incident["subject"]) == ("queue_not_polled", "intake")
    assert "NonExistentQueue" in incident["detail"]


def test_one_process_polls_and_another_takes_over(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once after a stop, and within seconds after a kill -9, when the lease has ended."""
    monkeypatch.setattr(intake_module, "LEASE", timedelta(seconds=2))
    first, second, third = (stage.build().queue_intakes[0] for _ in range(3))
    assert [first.turn(), second.turn(), third.turn()] == [0.0, STANDBY_S, STANDBY_S]
    first.release()
    assert [second.turn(), first.turn()] == [0.0, STANDBY_S]
    time.sleep(2.1)
    assert third.turn() == 0.0
    stage.put(notification(NEWS))
    assert second.turn() == 0.0, "it believes that it polls: harmless, and it learns better"
    assert second.turn() == STANDBY_S
    assert count(stage.gateway, "notifications") == 1


def test_two_that_poll_at_once_store_each_notification_once(stage: QueueStage) -> None:
    """A lease may be lost in the middle of a poll; that costs requests and nothing else."""
    stage.put(*[notification(f'"{number}"') for number in range(40)])
    pollers = [stage.build().queue_intakes[0] for _ in range(2)]
    for poller in pollers:
        poller.poller.holds = True

    def poll(poller: Any) -> None:
        for _ in range(8):
            poller.turn()
            poller.poller.holds = True

    threads = [threading.Thread(target=poll, args=(poller,)) for poller in pollers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stage.held() == (0, 0)
    assert count(stage.gateway, "notifications") == 40


def test_more_pollers_share_a_queue_when_asked_for(stage: QueueStage) -> None:
    """Each has a lease of its own, and the figures of a queue are those of all its pollers."""
    several = stage.build(sqs_pollers=3)
    stage.put(*[notification(f'"{number}"') for number in range(30)])
    assert [one.turn() for one in several.queue_intakes] == [0.0, 0.0, 0.0]
    (figures,) = several.measure().queues
    assert (figures.queue, figures.region, figures.counts["stored"]) == ("intake", "us-west-2", 30)


def test_a_worker_stops_within_two_seconds_and_lets_another_poll(
    stage: QueueStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for the poll that is under way; what that poll receives comes back to the queue."""
    monkeypatch.setattr(intake_module, "POLL_S", 20)
    monkeypatch.setattr(intake_module, "HIDDEN_S", 2)
    worker = stage.build()
    pollers = QueuePollers(worker.queue_intakes)
    until(lambda: worker.queue_intakes[0].poller.holds)
    time.sleep(0.5)
    began = time.monotonic()
    pollers.close()
    assert time.monotonic() - began < 2
    stage.put(notification(NEWS))
    monkeypatch.setattr(intake_module, "POLL_S", 1)
    deadline = time.monotonic() + 15
    while count(stage.gateway, "notifications") == 0 and time.monotonic() < deadline:
        stage.turns()
    assert count(stage.gateway, "notifications") == 1
    assert stage.held() == (0, 0)


def test_a_worker_that_stops_finishes_what_it_has_received(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are at work are stored and deleted before the process ends."""
    began = threading.Event()
    store = notifications.store

    def slow(*given: Any) -> Any:
        began.set()
        time.sleep(0.5)
        return store(*given)

    monkeypatch.setattr(notifications, "store", slow)
    stage.put(notification(NEWS))
    pollers = QueuePollers(stage.build().queue_intakes)
    assert began.wait(10)
    pollers.close()
    assert count(stage.gateway, "notifications") == 1
    assert stage.held() == (0, 0)
