"""A drain: the calls that it makes, the email that it leaves alone, and how it ends when something is away."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import Connection, event

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Envelope, Outcome, Throttled
from app.domain.sending.state_machine import State
from app.queue import DELIVER, Lane
from app.services.sending import deliver
from app.services.sending.claim_order import claim_in_turn
from app.store.engine.database import Database
from app.store.sending import drafts
from app.store.sending.claims import Claim
from app.store.sending.send_rate import STATE
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on, replace_call_parts, replace_parts
from tests.support.gateway.rows import age, outcomes, recipient_of

DAY = timedelta(days=1)


def test_every_recipient_gets_one_call_of_its_own(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """One email to three addresses makes three calls, each with its own tags and the whole visible To."""
    submit(gateway, caller(gateway), "a@example.net", "b@example.net", "c@example.net")
    drained = gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert drained.reported == 3
    assert sorted(one.recipient for one in mailer.sent) == ["a@example.net", "b@example.net", "c@example.net"]
    assert len({one.tags for one in mailer.sent}) == 3
    assert all(b"a@example.net" in one.raw and b"c@example.net" in one.raw for one in mailer.sent)


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_an_email_alone_needs_no_statement_with_arrays(gateway: Gateway) -> None:
    """PostgreSQL would plan it anew each time, which takes longer than to run it."""
    statements: list[str] = []
    submit(gateway, caller(gateway), "ann@example.net")
    event.listen(gateway.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 1
    assert any(one.startswith("INSERT INTO attempts") for one in statements)
    assert [one for one in statements if "unnest(" in one or "= ANY" in one] == []


class Clock:
    """A clock that can be set forward, as a process sees it that was stopped."""

    def __init__(self) -> None:
        self.forward = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.forward


class Meddled(Database):
    """A database after whose first commit something happens."""

    def __init__(self, database: Database, happens: Callable[[], None]) -> None:
        self.engine = database.engine
        self._database = database
        self._pending = [happens]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            yield connection
        while self._pending:
            self._pending.pop()()

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        with self._database.asking() as connection:
            yield connection


def test_a_worker_that_was_held_up_does_not_call(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Stopped for a minute right after its claim, a worker gives the email back instead of calling late."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    clock = Clock()
    replace_call_parts(gateway, monotonic=clock)

    def stop_for_a_minute() -> None:
        clock.forward += 60

    replace_parts(gateway, monotonic=clock, database=Meddled(gateway.database, stop_for_a_minute))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.QUEUED
    assert mailer.sent == []
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, email) == ["not_sent", "accepted"]
    assert recipient_of(gateway, email).attempts == 0


def test_emails_that_cannot_be_read_are_not_claimed(
    gateway: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database leaves during the claim: no email is leased, no attempt is open, and the next drain sends it."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    with monkeypatch.context() as away:
        away.setattr(drafts, "drafts", Mock(side_effect=ServiceUnavailable("Away.")))
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), outcomes(gateway, email)) == (State.QUEUED, [])
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, email) == ["accepted"]
    assert len(mailer.sent) == 1


def test_a_mailer_that_breaks_leaves_the_outcome_open(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An error of ours during the call does not prove that nothing was sent."""

    def broken(envelope: Envelope) -> Outcome:
        raise ZeroDivisionError

    mailer.send = broken  # type: ignore[method-assign]
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.UNCONFIRMED
    assert outcomes(gateway, email) == ["unknown"]


@dataclass
class MeanwhileMailer(ScriptedMailer):
    """Something happens while the first call is on the wire; that call then waits for the second one."""

    happens: Callable[[], object] = list
    second: threading.Event = field(default_factory=threading.Event)
    saw_the_second: bool = False

    def send(self, envelope: Envelope) -> Outcome:
        outcome = super().send(envelope)
        if len(self.sent) > 1:
            self.second.set()
        else:
            self.happens()
            self.saw_the_second = self.second.wait(timeout=10)
        return outcome


@pytest.mark.parametrize("lane", list(Lane))
def test_email_does_not_wait_for_the_calls_before_it(migrated_url: str, redis_url: str, lane: Lane) -> None:
    """A drain that waits for SES claims the email that comes meanwhile: there may be no other process to do it."""
    mailer = MeanwhileMailer()
    with gateway_on(migrated_url, redis_url, mailer=mailer) as gateway:
        who = caller(gateway)
        mailer.happens = partial(submit, gateway, who, "ben@example.net")
        submit(gateway, who, "ann@example.net", lane=lane)
        assert gateway.deliver.drain(lane).reported == 2
    assert mailer.saw_the_second


def test_a_bell_is_answered_before_the_claim(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """An email that is committed after the claim rings again, so that none waits for the sweeper."""
    rung: list[bool] = []

    def claims(*given: Any) -> Claim:
        rung.append(gateway.deliver.parts.bells.any_rung(DELIVER.values()))
        return claim_in_turn(*given)

    monkeypatch.setattr(deliver, "claim_in_turn", claims)
    submit(gateway, caller(gateway), "ann@example.net")
    assert gateway.deliver.parts.bells.any_rung(DELIVER.values())
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 1
    assert rung[0] is False


def test_throttling_slows_every_worker(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """SES answered that we send too fast: the shared pace grants nothing for a moment."""
    mailer.answers["ann@example.net"] = Throttled("Slow down.")
    submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert float(gateway.redis.hget(STATE, "braked") or 0) > 0


def test_a_stopping_worker_finishes_and_claims_nothing_more(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A worker that has to stop leaves due email to others, and rings for them: a second task, beside its own."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.stop()
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).more
    assert gateway.redis.llen(f"postern:broker:{Lane.TRANSACTIONAL}") == 2
    assert state_of(gateway, email) is State.QUEUED
    assert mailer.sent == []


def test_a_large_queue_is_drained_in_batches(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Each of 130 emails is called once and recorded."""
    emails = [submission(f"r{number}@example.net") for number in range(130)]
    gateway.accept(caller(gateway), emails, idempotency=None, answer=lambda _: {})
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 130
    assert len({one.recipient for one in mailer.sent}) == len(mailer.sent) == 130


def test_a_retry_is_the_same_email_under_another_attempt(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Message-ID and recipient tag stay the same, only the attempt is new; both calls are in the timeline."""
    mailer.answers["ann@example.net"] = Throttled("Slow down.")
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    mailer.answers.clear()
    gateway.redis.flushall()
    age(gateway, "recipients", "due_at", DAY)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    first, second = mailer.sent
    assert first.raw == second.raw
    assert dict(first.tags)["postern_recipient"] == dict(second.tags)["postern_recipient"]
    assert dict(first.tags)["postern_attempt"] != dict(second.tags)["postern_attempt"]
    assert outcomes(gateway, email) == ["not_sent", "accepted"]


def test_an_email_to_several_people_is_the_same_for_each(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Text, headers and the visible recipients are in all copies, also where the first recipient gets none."""
    who = caller(gateway)
    gateway.suppress.add(who, "ann@example.net")
    submit(gateway, who, "ann@example.net", "kim@example.net", "bob@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert {one.recipient for one in mailer.sent} == {"kim@example.net", "bob@example.net"}
    for sent in mailer.sent:
        said = (b"Come and see.", b"ann@example.net", b"kim@example.net", b"bob@example.net")
        assert all(words in sent.raw for words in said)
