"""Notifications that share a commit: SNS is told nothing before it, and nobody pays for another's notification."""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest

from app.domain.errors import ServiceUnavailable
from app.services.store_news import Filed, StoreNews
from app.store.ids import new_id
from app.store.inbox import NewNotification
from app.wiring import Gateway
from tests.feedback import EPOCH
from tests.gateways import TOPIC
from tests.integration.test_keep import PATIENCE_S, Turnstile, wait_until
from tests.rows import count


def notification() -> NewNotification:
    """A verified one that nobody has seen yet."""
    return NewNotification(
        id=new_id(), sns_message_id=str(uuid4()), topic_arn=TOPIC, kind="Notification", raw="{}", published_at=EPOCH
    )


class Door(Turnstile):
    """Holds the commits of notifications."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.store_news = StoreNews(gateway.database)

    def bring(self, new: NewNotification | None = None) -> Future[Filed]:
        """Store one in a thread."""
        return self._threads.submit(self.store_news, new or notification())

    def gather(self, number: int) -> None:
        """Wait until so many wait for the commit that is held."""
        wait_until(lambda: len(self.store_news._together._waiting) >= number)


@pytest.fixture
def door(gateway: Gateway) -> Iterator[Door]:
    it = Door(gateway)
    try:
        yield it
    finally:
        it.close()


def test_sns_is_answered_after_the_commit_that_holds_its_notification(door: Door) -> None:
    """Five, two commits: the first alone, the four that came meanwhile together; a copy among them counts once."""
    first = door.bring()
    door.arrived()
    twice = notification()
    others = [door.bring(one) for one in (twice, notification(), replace(twice, id=new_id()), notification())]
    door.gather(4)
    assert not first.done()
    door.let_through()
    door.arrived()
    assert not any(each.done() for each in others)
    assert count(door.gateway, "feedback") == 1
    door.let_through()
    filed = [each.result(PATIENCE_S) for each in others]
    assert [one.fresh for one in filed].count(True) == 3
    assert [one.rings for one in filed].count(True) == 1
    assert count(door.gateway, "feedback") == 4


def test_a_notification_that_the_database_refuses_fails_alone(door: Door) -> None:
    """Those that shared its statement are committed one by one, and one of their threads rings."""
    door.bring()
    door.arrived()
    bad = door.bring(replace(notification(), published_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - it is to be refused
    others = [door.bring() for _ in range(2)]
    door.gather(3)
    for _ in range(3):
        door.let_through()
    filed = [each.result(PATIENCE_S) for each in (bad, *others)]
    assert [one.failure is None for one in filed] == [False, True, True]
    assert [one.rings for one in filed].count(True) == 1
    assert count(door.gateway, "feedback") == 3


def test_when_a_commit_fails_sns_is_to_bring_all_of_them_again(door: Door) -> None:
    """The database is away at the commit: a 503 for each who shared it."""
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
    assert count(door.gateway, "feedback") == 0
