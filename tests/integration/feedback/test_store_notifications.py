"""Notifications that share a transaction: SNS gets no answer before it, and none fails because of another.

On PostgreSQL they share a pipeline of statements in its place: `test_notifications_by_statement.py`.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest

from app.domain.errors import ServiceUnavailable
from app.services.feedback.store_notifications import StoreNotifications
from app.services.group_commit import Committed
from app.store.engine.ids import new_id
from app.store.feedback.notifications import NewNotification
from app.wiring.gateway import Gateway
from tests.integration.submission.test_commit import PATIENCE_S, Turnstile, wait_until
from tests.support.aws.notifications import EPOCH
from tests.support.gateway.gateways import TOPIC
from tests.support.gateway.rows import count

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


def notification() -> NewNotification:
    """A verified one that is not stored yet."""
    return NewNotification(
        id=new_id(), sns_message_id=str(uuid4()), topic_arn=TOPIC, kind="Notification", raw="{}", published_at=EPOCH
    )


class Door(Turnstile):
    """Holds the commits of notifications."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.store = StoreNotifications(gateway.database)

    def bring(self, new: NewNotification | None = None) -> Future[Committed[bool]]:
        """Store one in a thread."""
        return self._threads.submit(self.store, new or notification())

    def gather(self, number: int) -> None:
        """Wait until so many notifications wait for the commit that is held."""
        wait_until(lambda: self.store.waiting >= number)


@pytest.fixture
def door(gateway: Gateway) -> Iterator[Door]:
    it = Door(gateway)
    try:
        yield it
    finally:
        it.close()


def test_sns_is_answered_after_the_commit_that_holds_its_notification(door: Door) -> None:
    """Five notifications, two commits: the first alone, the next four together; a copy among them counts once."""
    first = door.bring()
    door.arrived()
    twice = notification()
    others = [door.bring(one) for one in (twice, notification(), replace(twice, id=new_id()), notification())]
    door.gather(4)
    assert not first.done()
    door.let_through()
    door.arrived()
    assert not any(each.done() for each in others)
    assert count(door.gateway, "notifications") == 1
    door.let_through()
    filed = [each.result(PATIENCE_S) for each in others]
    assert [one.outcome for one in filed].count(True) == 3
    assert [any(one.to_ring) for one in filed].count(True) == 1
    assert count(door.gateway, "notifications") == 4


def test_a_notification_that_the_database_refuses_fails_alone(door: Door) -> None:
    """The others of its statement are committed one by one, and one of their threads rings the bell."""
    door.bring()
    door.arrived()
    bad = door.bring(replace(notification(), published_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - it is to be refused
    others = [door.bring() for _ in range(2)]
    door.gather(3)
    for _ in range(3):
        door.let_through()
    filed = [each.result(PATIENCE_S) for each in (bad, *others)]
    assert [one.failure is None for one in filed] == [False, True, True]
    assert [any(one.to_ring) for one in filed].count(True) == 1
    assert count(door.gateway, "notifications") == 3


def test_when_a_commit_fails_sns_is_asked_to_retry_all_of_them(door: Door) -> None:
    """The database is away at the commit: each notification that shared it gets a 503."""
    door.failing = True
    brought = [door.bring()]
    door.arrived()
    brought += [door.bring() for _ in range(3)]
    door.gather(3)
    door.let_through()
    door.let_through()
    for each in brought:
        with pytest.raises(ServiceUnavailable):
            each.result(PATIENCE_S)
    assert count(door.gateway, "notifications") == 0
