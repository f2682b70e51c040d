"""Limits over all processes: no second and no day has more recipients than an application may send to."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis import ConnectionError as RedisAway
from sqlalchemy import event

from app.domain.apps.callers import Caller
from app.domain.errors import RateLimitExceeded
from app.services.apps.app_options import AppOptions, NoLimit
from app.services.apps.authenticate import Authenticate
from app.services.apps.trusted_keys import TrustedKeys
from app.services.submission.accept import Acceptance, Receipt, Submission
from app.services.submission.idempotency import Idempotency
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import ROOT, submission
from tests.support.gateway.gateways import ScriptedMailer, issue
from tests.support.gateway.rows import change, count, rows
from tests.support.servers.cli import until

PROCESSES, THREADS = 3, 4


def limited(gateway: Gateway, **limits: Any) -> Caller:
    """Return a caller whose application has these limits."""
    token = issue(gateway).token
    gateway.apps.change(ROOT, "invites", AppOptions(**limits))
    return Authenticate(TrustedKeys(database=gateway.database))(f"Bearer {token}")


def ids(receipts: tuple[Receipt, ...]) -> dict[str, Any]:
    return {"ids": [str(one.id) for one in receipts]}


def accept(gateway: Gateway, who: Caller, *emails: Submission, key: Idempotency | None = None) -> Acceptance:
    """Submit these emails in one request, by default one email to one recipient."""
    return gateway.accept(who, emails or [submission("ann@example.net")], idempotency=key, answer=ids)


def refusal_of(gateway: Gateway, who: Caller, *emails: Submission, key: Idempotency | None = None) -> RateLimitExceeded:
    """Submit these emails, and return the refusal."""
    with pytest.raises(RateLimitExceeded) as refused:
        accept(gateway, who, *emails, key=key)
    return refused.value


@contextmanager
def processes(gateway: Gateway) -> Iterator[list[Gateway]]:
    """Yield gateways on one database, as several web processes have them."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(build(gateway.settings, mailer=ScriptedMailer()))) for _ in range(PROCESSES)]


def at_once(gateways: list[Gateway], submit: Callable[[Gateway], object]) -> int:
    """Submit in several threads of each process until each is refused, and return how often all were accepted."""
    ready = threading.Barrier(THREADS * len(gateways))

    def one(gateway: Gateway) -> int:
        ready.wait()
        for accepted in range(1_000):
            try:
                submit(gateway)
            except RateLimitExceeded:
                return accepted
        raise AssertionError("never refused")

    with ThreadPoolExecutor(THREADS * len(gateways)) as threads:
        return sum(threads.map(one, gateways * THREADS))


def test_all_processes_share_the_limit_of_a_day(gateway: Gateway) -> None:
    """Twelve threads of three processes submit as fast as they can: exactly the limit is accepted, and nothing more."""
    who = limited(gateway, emails_per_day=60)
    with processes(gateway) as gateways:
        assert at_once(gateways, lambda one: accept(one, who)) == 60
    assert count(gateway, "recipients") == count(gateway, "emails") == 60


def test_batches_of_all_processes_are_accepted_whole_or_not_at_all(gateway: Gateway) -> None:
    """Batches of five with two recipients each: six batches fit into sixty-nine, and nothing of a seventh."""
    who = limited(gateway, emails_per_day=69)
    batch = [submission("ann@example.net", "bo@example.net")] * 5
    with processes(gateway) as gateways:
        assert at_once(gateways, lambda one: accept(one, who, *batch)) == 6
    assert (count(gateway, "emails"), count(gateway, "recipients")) == (30, 60)
    assert refusal_of(gateway, who, *batch).allowance.remaining == 9  # type: ignore[union-attr]


def test_all_processes_share_the_limit_of_a_second(gateway: Gateway) -> None:
    """In the time of some seconds, no more is accepted than as many seconds allow."""
    who = limited(gateway, emails_per_second=5)
    began, ends = time.monotonic(), threading.Event()

    def keep_on(one: Gateway) -> None:
        while not ends.is_set():
            try:
                accept(one, who)
            except RateLimitExceeded:
                ends.wait(0.02)

    with processes(gateway) as gateways, ThreadPoolExecutor(THREADS * PROCESSES) as threads:
        working = [threads.submit(keep_on, one) for one in gateways * THREADS]
        until(lambda: count(gateway, "recipients") >= 10)
        ends.set()
        for each in working:
            each.result()
    took = time.monotonic() - began
    assert took > 1
    assert count(gateway, "recipients") <= 5 * (int(took) + 1)


def test_each_recipient_counts(gateway: Gateway) -> None:
    """An email to three addresses counts three; one address that is named twice counts once."""
    who = limited(gateway, emails_per_day=5)
    accept(gateway, who, submission("a@example.net", "b@example.net", "c@example.net"))
    accept(gateway, who, submission("d@example.net", "d@example.net"))
    refused = refusal_of(gateway, who, submission("e@example.net", "f@example.net"))
    assert refused.allowance is not None
    assert (refused.allowance.limit, refused.allowance.remaining) == (5, 1)
    accept(gateway, who, submission("e@example.net"))


def test_a_refused_request_leaves_nothing(gateway: Gateway) -> None:
    """No email, no count, and its idempotency key is free: the same request is accepted once there is room."""
    who, key = limited(gateway, emails_per_day=1), Idempotency("invite", bytes(32))
    emails = [submission("a@example.net"), submission("b@example.net")]
    refusal_of(gateway, who, *emails, key=key)
    assert [count(gateway, table) for table in ("emails", "recipients", "idempotency_keys", "app_usage")] == [0] * 4
    more = limited(gateway, emails_per_day=2)
    assert not accept(gateway, more, *emails, key=key).replayed
    assert count(gateway, "emails") == 2


def test_a_repeated_request_costs_nothing(gateway: Gateway) -> None:
    """A used-up limit does not keep a client from the answer to the request that it repeats."""
    who, key = limited(gateway, emails_per_day=1), Idempotency("invite", bytes(32))
    first = accept(gateway, who, key=key)
    for _ in range(3):
        again = accept(gateway, who, key=key)
        assert (again.replayed, again.body) == (True, first.body)
    assert rows(gateway, "app_usage")[0]["in_day"] == 1
    refusal_of(gateway, who)


def test_the_limit_of_a_day_begins_anew(gateway: Gateway) -> None:
    """With the next day of UTC, by the database's clock."""
    who = limited(gateway, emails_per_day=1)
    accept(gateway, who)
    refused = refusal_of(gateway, who)
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= 86_400
    [usage] = rows(gateway, "app_usage")
    change(gateway, "app_usage", {"day_began": usage["day_began"] - timedelta(days=1)})
    accept(gateway, who)


def test_an_application_without_limits_pays_nothing(gateway: Gateway) -> None:
    """Not one more statement is run for it, and nothing is counted."""
    free = limited(gateway)
    statements: list[str] = []

    @event.listens_for(gateway.database.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    accept(gateway, free)
    assert [one for one in statements if "app_usage" in one] == []
    assert count(gateway, "app_usage") == 0


def test_a_limit_that_is_taken_away_limits_no_more(gateway: Gateway) -> None:
    """As soon as the process sees the change."""
    who = limited(gateway, emails_per_day=1)
    accept(gateway, who)
    refusal_of(gateway, who)
    accept(gateway, limited(gateway, emails_per_day=NoLimit.NO_LIMIT))


def test_a_refused_email_fails_alone(gateway: Gateway) -> None:
    """Single emails share a commit; of one that holds more than the limit, only those beyond it are refused."""
    who = limited(gateway, emails_per_day=3)
    with ThreadPoolExecutor(12) as threads:
        ready = threading.Barrier(12)

        def one(_: int) -> bool:
            ready.wait()
            try:
                accept(gateway, who)
            except RateLimitExceeded:
                return False
            return True

        assert sum(threads.map(one, range(12))) == 3
    assert count(gateway, "emails") == 3


def test_without_redis_the_limit_holds_and_closes_no_earlier(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts are in SQL alone."""
    who = limited(gateway, emails_per_day=2)

    def away(*_: object, **__: object) -> None:
        raise RedisAway("Connection refused.")

    monkeypatch.setattr("redis.connection.AbstractConnection.connect", away)
    gateway.redis.connection_pool.disconnect()
    accept(gateway, who)
    accept(gateway, who)
    refusal_of(gateway, who)
