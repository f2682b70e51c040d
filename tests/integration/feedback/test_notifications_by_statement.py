"""On PostgreSQL a notification is stored by one statement, and those that come at once by one transaction."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest
from sqlalchemy import text

from app.domain.errors import ServiceUnavailable
from app.services.feedback.store_notifications import StoreNotifications
from app.services.group_commit import Committed
from app.store.engine.ids import new_id
from app.store.feedback import notifications
from app.store.feedback.notifications import NewNotification
from app.wiring.gateway import Gateway
from tests.integration.feedback.test_store_notifications import notification
from tests.support.database.interleaving import end_blocked, until_blocked, wait_until
from tests.support.gateway.rows import count, rows

_PATIENCE_S: Final = 30.0
_TIMES: Final = ("due_at", "received_at")

pytestmark = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)


class Posts:
    """Notifications that threads store at once."""

    def __init__(self, gateway: Gateway, threads: ThreadPoolExecutor) -> None:
        self._gateway = gateway
        self._threads = threads
        self._store = StoreNotifications(gateway.database)

    def __call__(self, new: NewNotification | None = None) -> Future[Committed[bool]]:
        """Store one."""
        return self._threads.submit(self._store, new or notification())

    @contextmanager
    def held(self) -> Iterator[Future[Committed[bool]]]:
        """Hold the commit of one for the block: another transaction has inserted a copy of it, and takes it back."""
        first = notification()
        with self._gateway.database.engine.connect() as other:
            notifications.store(other, [replace(first, id=new_id())])
            posted = self(first)
            until_blocked(self._gateway, 1)
            yield posted

    def gather(self, number: int) -> None:
        """Wait until so many wait for the commit that is held."""
        wait_until(lambda: self._store.waiting >= number)


@pytest.fixture
def posts(gateway: Gateway) -> Iterator[Posts]:
    with ThreadPoolExecutor(10) as threads:
        yield Posts(gateway, threads)


def test_it_writes_what_a_transaction_writes(gateway: Gateway, posts: Posts) -> None:
    """Every column of the row, but for the times, which are those of the database's clock."""
    new = notification()
    assert posts(new).result(_PATIENCE_S).outcome
    [by_statement] = rows(gateway, "notifications")
    with gateway.database.transaction() as connection:
        connection.execute(text("DELETE FROM notifications"))
        notifications.store(connection, [new])
    [by_transaction] = rows(gateway, "notifications")
    assert by_statement["due_at"] == by_statement["received_at"] < by_transaction["received_at"]
    assert {**by_transaction, **{name: by_statement[name] for name in _TIMES}} == by_statement


def test_sns_is_answered_after_the_commit_that_holds_its_notification(gateway: Gateway, posts: Posts) -> None:
    """Five notifications, two commits: the first alone, the next four together; a copy among them counts once."""
    twice = notification()
    with posts.held() as first:
        others = [posts(one) for one in (twice, notification(), replace(twice, id=new_id()), notification())]
        posts.gather(4)
        assert not any(each.done() for each in (first, *others))
        assert count(gateway, "notifications") == 0
    assert first.result(_PATIENCE_S).outcome
    stored = [each.result(_PATIENCE_S) for each in others]
    assert [one.outcome for one in stored].count(True) == 3
    assert [any(one.to_ring) for one in stored].count(True) == 1
    assert count(gateway, "notifications") == 4
    assert not posts(replace(twice, id=new_id())).result(_PATIENCE_S).outcome


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"topic_arn": "a" * 401}, id="the database refuses it"),
        pytest.param({"raw": "\0"}, id="the driver cannot send it"),
        pytest.param({"published_at": datetime(2026, 1, 1)}, id="its time has no zone"),  # noqa: DTZ001 - on purpose
    ],
)
def test_a_notification_that_cannot_be_stored_fails_alone(gateway: Gateway, posts: Posts, bad: dict[str, Any]) -> None:
    """Of its group nothing is kept at first; then the others are committed one by one, and all of them are new."""
    with posts.held():
        refused = posts(replace(notification(), sns_message_id="m", **bad))
        others = [posts(replace(notification(), sns_message_id=name)) for name in ("a", "z")]
        posts.gather(3)
    stored = [each.result(_PATIENCE_S) for each in others]
    assert refused.result(_PATIENCE_S).failure is not None
    assert [one.outcome for one in stored] == [True, True]
    assert any(any(one.to_ring) for one in (refused.result(), *stored))
    assert count(gateway, "notifications") == 3


def test_when_the_database_goes_away_sns_is_asked_to_retry_all_of_them(gateway: Gateway, posts: Posts) -> None:
    """Nothing is tried again, since the commit may have been reached; the next one gets a new connection."""
    with posts.held() as first:
        end_blocked(gateway)
        with pytest.raises(ServiceUnavailable):
            first.result(_PATIENCE_S)
    with posts.held():
        copies = notification()
        with gateway.database.engine.connect() as other:
            notifications.store(other, [replace(copies, id=new_id())])
            others = [posts(copies), posts()]
            posts.gather(2)
            end_blocked(gateway)
            until_blocked(gateway, 1)
            end_blocked(gateway)
            for each in others:
                with pytest.raises(ServiceUnavailable):
                    each.result(_PATIENCE_S)
    assert count(gateway, "notifications") == 0
    assert posts().result(_PATIENCE_S).outcome
