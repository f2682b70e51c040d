"""An email to one recipient is committed by one statement on PostgreSQL, and keeps every promise of a transaction."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from app.domain.apps.callers import Caller
from app.domain.errors import InvalidIdempotentRequest, ServiceUnavailable
from app.queue import Lane
from app.services.submission.accept import Acceptance, Submission
from app.services.submission.idempotency import Idempotency
from app.wiring.gateway import Gateway, build
from tests.support.database.interleaving import end_blocked, until_blocked, wait_until
from tests.support.gateway.emails import submission
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import Row, change, count, rows

# What differs between any two emails: ids, times and random bytes.
_IDS: Final = frozenset({"id", "email_id", "answer", "shard"})
_TIMES: Final = frozenset({"created_at", "updated_at", "due_at", "expires_at"})
_OWN: Final = _IDS | _TIMES | {"sealed_body", "sealed_key"}
_WRITTEN: Final = ("emails", "recipients", "idempotency_keys", "count_changes", "tallies")
_PATIENCE_S: Final = 30.0
_REQUEST: Final = UUID("01900000-0000-7000-8000-000000000007")
_ALL_SHARDS: Final = text(
    "INSERT INTO tallies (what, label, shard, number) SELECT 'accepted', '', shard, 0 FROM generate_series(0, 31) shard"
    " ON CONFLICT (what, label, shard) DO UPDATE SET number = tallies.number"
)


@pytest.fixture
def gateway(migrated_postgres_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path) -> Iterator[Gateway]:
    built = build(settings_for(migrated_postgres_url, redis_url, flight_dir=tmp_path / "flight"), mailer=mailer)
    built.pseudonyms("ann@example.net")  # the first use makes the pepper, in a transaction of its own
    yield built
    built.close()


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


class Posts:
    """Emails that are posted by threads."""

    def __init__(self, gateway: Gateway, who: Caller, threads: ThreadPoolExecutor) -> None:
        self._gateway = gateway
        self._who = who
        self._threads = threads

    def __call__(self, email: Submission | None = None, *, key: Idempotency | None = None) -> Future[Acceptance]:
        """Post an email."""
        return self._threads.submit(accept, self._gateway, self._who, email, key=key)

    def gather(self, number: int) -> None:
        """Wait until this number of requests wait for the commit that is held."""
        wait_until(lambda: self._gateway.accept.waiting >= number)


@pytest.fixture
def posts(gateway: Gateway, who: Caller) -> Iterator[Posts]:
    with ThreadPoolExecutor(20) as threads:
        yield Posts(gateway, who, threads)


def accept(
    gateway: Gateway, who: Caller, email: Submission | None = None, *, key: Idempotency | None = None
) -> Acceptance:
    emails = [email or submission("ann@example.net")]
    return gateway.accept(
        who, emails, idempotency=key, answer=lambda receipts: {"id": str(receipts[0].id)}, request_id=_REQUEST
    )


def named(name: str, fingerprint: int = 1) -> Idempotency:
    return Idempotency(name, bytes([fingerprint]) * 32)


@contextmanager
def tallies_are_locked(gateway: Gateway) -> Iterator[None]:
    """Hold every statement right before its end for the block: it has written the email, and not committed it."""
    with gateway.database.transaction() as connection:
        connection.execute(_ALL_SHARDS)
        yield


def written(gateway: Gateway) -> dict[str, list[dict[str, Any]]]:
    """Return what was written, without what differs between any two emails."""
    return {table: [_alike(row) for row in rows(gateway, table)] for table in _WRITTEN}


def _alike(row: Row) -> dict[str, Any]:
    is_due = "due_at" in row and row["due_at"] == row["created_at"]
    return {name: value for name, value in row.items() if name not in _OWN} | {"is_due": is_due}


@pytest.mark.parametrize("key", [None, named("invite")])
def test_it_writes_what_a_transaction_writes(
    gateway: Gateway, who: Caller, key: Idempotency | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column of every row, but for ids, times and random bytes; with a key and without."""
    email = submission(
        "Ann Lee <ann@gmail.com>", lane=Lane.BULK, actor="bob", reference="r-1", tags=(("a", "b"),), stream="invites"
    )
    accept(gateway, who, email, key=key)
    by_statement = written(gateway)
    for table in _WRITTEN:
        empty_table(gateway, table)
    with monkeypatch.context() as patched:
        patched.setattr(gateway.database, "on_postgres", False)
        accept(gateway, who, email, key=key)
    assert written(gateway) == by_statement
    assert by_statement["emails"][0]["request_id"] == _REQUEST
    assert all(by_statement[table] for table in _WRITTEN if key or table != "idempotency_keys")


def empty_table(gateway: Gateway, table: str) -> None:
    with gateway.database.transaction() as connection:
        connection.execute(text("TRUNCATE TABLE " + table + " CASCADE"))


def test_it_is_not_answered_before_its_commit(gateway: Gateway, posts: Posts) -> None:
    """Six emails, two commits: one alone, the five that came meanwhile together, each counted once."""
    with tallies_are_locked(gateway):
        first = posts()
        until_blocked(gateway, 1)
        others = [posts() for _ in range(5)]
        posts.gather(5)
        assert not first.done()
        assert count(gateway, "emails") == 0
    answered = {each.result(_PATIENCE_S).body["id"] for each in [first, *others]}
    assert {str(row["id"]) for row in rows(gateway, "emails")} == answered
    assert count(gateway, "recipients") == count(gateway, "count_changes") == 6
    assert sum(row["number"] for row in rows(gateway, "tallies")) == 6


def test_one_key_counts_once_in_a_group(gateway: Gateway, posts: Posts) -> None:
    """The same request twice gives one email, one answer and one tally; another request under its key is refused."""
    with tallies_are_locked(gateway):
        posts(key=named("earlier"))
        until_blocked(gateway, 1)
        same = [posts(key=named("invite")) for _ in range(3)]
        repeated, wrong, keyless = posts(key=named("earlier")), posts(key=named("invite", 2)), posts()
        posts.gather(6)
    answers = [each.result(_PATIENCE_S) for each in same]
    refused = [each for each in [*same, wrong] if isinstance(each.exception(), InvalidIdempotentRequest)]
    assert refused == [wrong]
    assert len({str(answer.body) for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert repeated.result(_PATIENCE_S).replayed
    assert not keyless.result(_PATIENCE_S).replayed
    assert count(gateway, "emails") == sum(row["number"] for row in rows(gateway, "tallies")) == 3


def test_two_processes_and_one_key_make_one_email(gateway: Gateway, who: Caller, posts: Posts) -> None:
    """The second waits for the row of the first, which is not committed yet, and repeats its answer."""
    other = build(gateway.settings, mailer=ScriptedMailer())
    with ThreadPoolExecutor(1) as elsewhere:
        with tallies_are_locked(gateway):
            first = posts(key=named("invite"))
            until_blocked(gateway, 1)
            second = elsewhere.submit(accept, other, who, key=named("invite"))
            until_blocked(gateway, 2)
        assert second.result(_PATIENCE_S) == replace(first.result(_PATIENCE_S), replayed=True)
    other.close()
    assert count(gateway, "emails") == 1


def test_a_key_past_its_time_is_free(gateway: Gateway, who: Caller) -> None:
    """The next request under it is accepted, and its answer takes the place of the old one."""
    accept(gateway, who, key=named("invite"))
    change(gateway, "idempotency_keys", {"expires_at": rows(gateway, "emails")[0]["created_at"]})
    again = accept(gateway, who, key=named("invite", 2))
    assert not again.replayed
    assert [row["answer"] for row in rows(gateway, "idempotency_keys")] == [again.body]
    assert count(gateway, "emails") == 2


@pytest.mark.parametrize("actor", [pytest.param("x" * 321, id="too long"), pytest.param("\0", id="cannot be sent")])
def test_an_email_that_the_database_refuses_fails_alone(gateway: Gateway, posts: Posts, actor: str) -> None:
    """The emails that shared its transaction are committed, each once; none of the refused one is."""
    with tallies_are_locked(gateway):
        posts()
        until_blocked(gateway, 1)
        good = posts(key=named("a good one"))
        bad = posts(replace(submission("bob@example.net"), actor=actor), key=named("bad"))
        late = posts()
        posts.gather(3)
    with pytest.raises(psycopg.DataError):
        bad.result(_PATIENCE_S)
    assert not good.result(_PATIENCE_S).replayed
    late.result(_PATIENCE_S)
    assert count(gateway, "emails") == sum(row["number"] for row in rows(gateway, "tallies")) == 3
    assert [row["key"] for row in rows(gateway, "idempotency_keys")] == ["a good one"]


def test_when_the_database_goes_away_each_is_told_to_repeat_it(gateway: Gateway, posts: Posts) -> None:
    """Nothing is tried again, since the commit may have been reached; the next post gets a new connection."""
    with tallies_are_locked(gateway):
        posted = [posts(key=named("invite"))]
        until_blocked(gateway, 1)
        posted += [posts() for _ in range(2)]
        posts.gather(2)
        end_blocked(gateway)
        with pytest.raises(ServiceUnavailable) as refusal:
            posted[0].result(_PATIENCE_S)
        assert refusal.value.retry_after == 1
        until_blocked(gateway, 1)
        end_blocked(gateway)
        for each in posted[1:]:
            with pytest.raises(ServiceUnavailable):
                each.result(_PATIENCE_S)
    assert [count(gateway, table) for table in ("emails", "idempotency_keys")] == [0, 0]
    assert not posts(key=named("invite")).result(_PATIENCE_S).replayed
