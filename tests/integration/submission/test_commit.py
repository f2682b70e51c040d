"""Emails that share a commit: no request is answered before it, and none fails because of another's email."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from app.domain.errors import InvalidIdempotentRequest, ServiceUnavailable
from app.queue import DELIVER, Lane
from app.services.submission.accept import Acceptance, Receipt, Submission
from app.services.submission.idempotency import Idempotency
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import submission
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import count, rows

PATIENCE_S = 30.0
FOR_TWO = submission("ann@example.net", "bob@example.net")
"""An email that is committed in a transaction on PostgreSQL too; `commits` has those to one recipient."""
POSTING = "posting"


class Turnstile:
    """Holds every commit of a gateway until the test lets it through, and counts them; `failing` commits never pass."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.who = caller(gateway)
        self.failing = False
        gateway.pseudonyms("ann@example.net")  # the first use makes the pepper, in a transaction of its own
        self._arrived, self._through = threading.Semaphore(0), threading.Semaphore(0)
        self._threads = ThreadPoolExecutor(20, thread_name_prefix=POSTING)
        event.listen(gateway.database.engine, "commit", self._hold)

    def _hold(self, connection: Connection) -> None:
        reads = connection.get_execution_options().get("postern_reading", False)
        if reads or not threading.current_thread().name.startswith(POSTING):
            return
        self._arrived.release()
        assert self._through.acquire(timeout=PATIENCE_S)
        if self.failing:
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    def arrived(self) -> None:
        """Wait until a thread wants to commit."""
        assert self._arrived.acquire(timeout=PATIENCE_S), "no commit began"

    def let_through(self) -> None:
        """Let one more commit through."""
        self._through.release()

    def post(self, email: Submission | None = None, *, idempotency: Idempotency | None = None) -> Future[Acceptance]:
        """Accept an email in a thread."""
        emails = [email or FOR_TWO]
        return self._threads.submit(self.gateway.accept, self.who, emails, idempotency=idempotency, answer=ids)

    def gather(self, number: int) -> None:
        """Wait until this number of requests wait for the commit that is held."""
        wait_until(lambda: self.waiting >= number)

    @property
    def waiting(self) -> int:
        """The number of requests that wait for the commit that is held."""
        return self.gateway.accept.waiting

    def close(self) -> None:
        """Hold no more commits."""
        event.remove(self.gateway.database.engine, "commit", self._hold)
        for _ in range(100):
            self._through.release()
        self._threads.shutdown()


@pytest.fixture
def turnstile(gateway: Gateway) -> Iterator[Turnstile]:
    it = Turnstile(gateway)
    try:
        yield it
    finally:
        it.close()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)


def waiting_for_a_lock(gateway: Gateway) -> int:
    """The number of database sessions that wait for a lock of another one."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with gateway.database.reading() as connection:
        return int(connection.execute(text(waiting)).scalar_one())


def ids(receipts: tuple[Receipt, ...]) -> dict[str, Any]:
    return {
        "ids": [str(one.id) for one in receipts],
        "superseded": [str(older) for one in receipts for older in one.superseded],
    }


def key(name: str, fingerprint: int = 1) -> Idempotency:
    return Idempotency(name, bytes([fingerprint]) * 32)


def test_no_request_is_answered_before_the_commit_of_its_email(turnstile: Turnstile) -> None:
    """Six emails, two commits: the first alone, the five that came meanwhile together, and no answer before either."""
    first = turnstile.post()
    turnstile.arrived()
    others = [turnstile.post() for _ in range(5)]
    wait_until(lambda: first.done() or turnstile.waiting >= 5)
    assert not first.done()
    assert count(turnstile.gateway, "emails") == 0
    turnstile.let_through()
    turnstile.arrived()
    assert not any(each.done() for each in others)
    assert count(turnstile.gateway, "emails") == 1
    turnstile.let_through()
    answered = [name for each in [first, *others] for name in each.result(PATIENCE_S).body["ids"]]
    assert sorted(str(row["id"]) for row in rows(turnstile.gateway, "emails")) == sorted(answered)


def test_the_thread_that_commits_rings_for_all_emails(turnstile: Turnstile) -> None:
    """Bells ring for emails of either lane, whichever thread has committed them."""
    turnstile.post()
    turnstile.arrived()
    emails = [replace(FOR_TWO, lane=lane) for lane in (Lane.TRANSACTIONAL, Lane.BULK)]
    others = [turnstile.post(email) for email in emails]
    turnstile.gather(2)
    turnstile.let_through()
    turnstile.arrived()
    turnstile.let_through()
    for each in others:
        each.result(PATIENCE_S)
    bells = [f"postern:bell:{DELIVER[lane].name}" for lane in Lane]
    assert turnstile.gateway.redis.exists(*bells) == len(bells)


def test_an_email_that_the_database_refuses_fails_alone(turnstile: Turnstile) -> None:
    """Its caller gets the reason; the emails that shared its transaction are committed one by one."""
    turnstile.post()
    turnstile.arrived()
    good = turnstile.post(idempotency=key("good"))
    bad = turnstile.post(replace(FOR_TWO, tags=(("bad", object()),)))  # type: ignore[arg-type]
    late = turnstile.post()
    turnstile.gather(3)
    for _ in range(3):
        turnstile.let_through()
    with pytest.raises(Exception, match="JSON"):
        bad.result(PATIENCE_S)
    assert not good.result(PATIENCE_S).replayed
    late.result(PATIENCE_S)
    assert count(turnstile.gateway, "emails") == 3


def test_one_key_counts_once_in_a_commit(turnstile: Turnstile) -> None:
    """The same request twice gives one email and one answer; only another request under its key is refused."""
    turnstile.post()
    turnstile.arrived()
    same = [turnstile.post(idempotency=key("invite")) for _ in range(3)]
    turnstile.gather(3)
    wrong = turnstile.post(idempotency=key("invite", 2))
    other = turnstile.post(idempotency=key("other"))
    turnstile.gather(5)
    turnstile.let_through()
    turnstile.let_through()
    answers = [each.result(PATIENCE_S) for each in same]
    assert len({str(answer.body) for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    with pytest.raises(InvalidIdempotentRequest):
        wrong.result(PATIENCE_S)
    assert not other.result(PATIENCE_S).replayed
    assert count(turnstile.gateway, "emails") == 3


def test_a_repetition_in_the_same_commit_names_what_was_superseded(turnstile: Turnstile) -> None:
    """Its answer is the one that is stored under the key, and that any later repetition gets."""
    newer = replace(submission("ann@example.net"), supersedes="invitation")
    first = turnstile.post(newer)
    turnstile.arrived()
    same = [turnstile.post(newer, idempotency=key("invite")) for _ in range(2)]
    turnstile.gather(2)
    turnstile.let_through()
    turnstile.let_through()
    [older] = first.result(PATIENCE_S).body["ids"]
    answers = [each.result(PATIENCE_S) for each in same]
    assert [answer.body["superseded"] for answer in answers] == [[older], [older]]
    assert sorted(answer.replayed for answer in answers) == [False, True]


def test_two_processes_and_one_key_make_one_email(turnstile: Turnstile) -> None:
    """Two processes get the same request; the second cannot see the first, waits for its end and repeats its answer.

    SQLite lets no other transaction begin meanwhile; on PostgreSQL the row that is not yet committed blocks the second.
    """
    gateway = turnstile.gateway
    other = build(gateway.settings, mailer=ScriptedMailer())
    first = turnstile.post(idempotency=key("invite"))
    turnstile.arrived()
    with ThreadPoolExecutor(1) as elsewhere:
        emails = [FOR_TWO]
        second = elsewhere.submit(other.accept, turnstile.who, emails, idempotency=key("invite"), answer=ids)
        if gateway.database.engine.dialect.name == "postgresql":
            wait_until(lambda: waiting_for_a_lock(gateway) > 0)
        turnstile.let_through()
        assert second.result(PATIENCE_S) == replace(first.result(PATIENCE_S), replayed=True)
    other.close()
    assert count(gateway, "emails") == 1


def test_an_earlier_answer_is_found_among_new_emails(turnstile: Turnstile) -> None:
    """A repeated request that shares a commit with new ones gets its stored answer, and the new ones get their own."""
    earlier = turnstile.post(idempotency=key("invite"))
    turnstile.arrived()
    again = turnstile.post(idempotency=key("invite"))
    new = turnstile.post(idempotency=key("new"))
    turnstile.gather(2)
    turnstile.let_through()
    turnstile.let_through()
    assert again.result(PATIENCE_S) == replace(earlier.result(PATIENCE_S), replayed=True)
    assert not new.result(PATIENCE_S).replayed
    assert count(turnstile.gateway, "emails") == 2


def test_when_a_commit_fails_every_request_that_shares_it_fails(turnstile: Turnstile) -> None:
    """The database is away at the commit: each request gets a 503 with the hint to repeat it, and no second try."""
    turnstile.failing = True
    posted = [turnstile.post()]
    turnstile.arrived()
    posted += [turnstile.post(idempotency=key(f"invite-{number}")) for number in range(3)]
    turnstile.gather(3)
    turnstile.let_through()
    turnstile.let_through()
    for each in posted:
        with pytest.raises(ServiceUnavailable) as refusal:
            each.result(PATIENCE_S)
        assert refusal.value.retry_after == 1
    assert [count(turnstile.gateway, table) for table in ("emails", "idempotency_keys")] == [0, 0]
