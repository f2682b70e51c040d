"""A drain: what it calls, what it leaves alone, and how it ends when something is away."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Envelope, Outcome, Throttled
from app.queue import DELIVER, Lane
from app.store.db import Database
from app.store.pace import STATE
from app.store.sealing import KeyRing
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller, gateway_on
from tests.mails import state_of, submission, submit
from tests.rows import age, change, outcomes, recipient_of

DAY = timedelta(days=1)


def test_every_recipient_gets_one_call_of_its_own(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """One mail to three addresses is three calls, each with its own tags and the whole visible To."""
    submit(gateway, caller(gateway), "a@example.net", "b@example.net", "c@example.net")
    drained = gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert drained.reported == 3
    assert sorted(one.recipient for one in mailer.sent) == ["a@example.net", "b@example.net", "c@example.net"]
    assert len({one.tags for one in mailer.sent}) == 3
    assert all(b"a@example.net" in one.raw and b"c@example.net" in one.raw for one in mailer.sent)


class Clock:
    """A clock that can be set forward, as a process that was stopped sees it."""

    def __init__(self) -> None:
        self.forward = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.forward


class Meddled(Database):
    """A database to which something happens, once, before what a claim brought is read."""

    def __init__(self, database: Database, happens: Callable[[], None]) -> None:
        self.engine = database.engine
        self._database = database
        self._pending = [happens]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        while self._pending:
            self._pending.pop()()
        with self._database.asking() as connection:
            yield connection


def meddle(gateway: Gateway, **parts: object) -> None:
    for name, part in parts.items():
        object.__setattr__(gateway.deliver._parts, name, part)


def test_a_worker_that_was_held_up_does_not_call(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Stopped for a minute right after its claim, a worker gives the mail back instead of calling late."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    clock = Clock()
    gateway.deliver._parts.calls.call._monotonic = clock

    def stop_for_a_minute() -> None:
        clock.forward += 60

    meddle(gateway, monotonic=clock, database=Meddled(gateway.database, stop_for_a_minute))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.QUEUED
    assert mailer.sent == []
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, mail) == ["not_sent", "accepted"]
    assert recipient_of(gateway, mail).attempts == 0


def test_what_was_claimed_and_cannot_be_read_goes_back(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The database leaves right after the claim: nothing was called, so nothing is in doubt, and more is left to do."""
    mail = submit(gateway, caller(gateway), "ann@example.net")

    def leave() -> None:
        raise ServiceUnavailable("Away.")

    meddle(gateway, database=Meddled(gateway.database, leave))
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).more
    assert not gateway.deliver.drain(Lane.TRANSACTIONAL).more
    assert outcomes(gateway, mail) == ["not_sent", "accepted"]
    assert state_of(gateway, mail) is State.SENT
    assert len(mailer.sent) == 1


@pytest.mark.parametrize("lost", ["erased", "altered", "sealed with another ring"])
def test_a_body_that_cannot_be_opened_fails_with_its_reason(
    gateway: Gateway, mailer: ScriptedMailer, lost: str
) -> None:
    """There is nothing to send: the mail ends as failed and says so, and holds up no other."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    if lost == "erased":
        change(gateway, "emails", {"sealed_body": None, "sealed_key": None})
    elif lost == "altered":
        change(gateway, "emails", {"sealed_body": b"x" * 40})
    else:
        sealed = KeyRing(["A" * 43]).seal(b"", row_id=mail)
        change(gateway, "emails", {"sealed_body": sealed.body, "sealed_key": sealed.key})
    other = submit(gateway, caller(gateway), "bob@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.FAILED
    assert (recipient_of(gateway, mail).reason or "").startswith("The body cannot be read: ")
    assert state_of(gateway, other) is State.SENT
    assert [one.recipient for one in mailer.sent] == ["bob@example.net"]


def test_a_mailer_that_breaks_leaves_the_outcome_open(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An error of ours during the call is not proof that nothing was sent."""

    def broken(envelope: Envelope) -> Outcome:
        raise ZeroDivisionError

    mailer.send = broken  # type: ignore[method-assign]
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.UNCONFIRMED
    assert outcomes(gateway, mail) == ["unknown"]


@dataclass
class MeanwhileMailer(ScriptedMailer):
    """Something happens while the first call is on the wire, which then waits for the second."""

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
def test_mail_does_not_wait_for_the_calls_before_it(migrated_url: str, redis_url: str, lane: Lane) -> None:
    """What comes while a drain waits for SES is claimed by that drain: there may be no other process to do it."""
    mailer = MeanwhileMailer()
    with gateway_on(migrated_url, redis_url, mailer=mailer) as gateway:
        who = caller(gateway)
        mailer.happens = partial(submit, gateway, who, "ben@example.net")
        submit(gateway, who, "ann@example.net", lane=lane)
        assert gateway.deliver.drain(lane).reported == 2
    assert mailer.saw_the_second


def test_throttling_brakes_everybody(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """SES said that we are too fast: the shared pace grants nothing for a moment."""
    mailer.answers["ann@example.net"] = Throttled("Slow down.")
    submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert float(gateway.redis.hget(STATE, "braked") or 0) > 0


def test_a_stopping_worker_finishes_and_claims_nothing_more(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Once told to stop it leaves due mail to others, and rings for them."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.stop()
    gateway.deliver._parts.bells.answered(DELIVER[Lane.TRANSACTIONAL])
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).more
    assert gateway.redis.exists(f"postern:bell:{DELIVER[Lane.TRANSACTIONAL].name}")
    assert state_of(gateway, mail) is State.QUEUED
    assert mailer.sent == []


def test_a_large_queue_is_drained_in_batches(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Each of 130 mails is called once and recorded."""
    mails = [submission(f"r{number}@example.net") for number in range(130)]
    gateway.accept(caller(gateway), mails, idempotency=None, answer=lambda _: {})
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 130
    assert len({one.recipient for one in mailer.sent}) == len(mailer.sent) == 130


def test_a_retry_is_the_same_mail_under_another_attempt(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Message-ID and recipient tag stay; only the attempt is new, and both calls are in the timeline."""
    mailer.answers["ann@example.net"] = Throttled("Slow down.")
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    mailer.answers.clear()
    gateway.redis.flushall()
    age(gateway, "recipients", "due_at", DAY)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    first, second = mailer.sent
    assert first.raw == second.raw
    assert dict(first.tags)["postern_recipient"] == dict(second.tags)["postern_recipient"]
    assert dict(first.tags)["postern_attempt"] != dict(second.tags)["postern_attempt"]
    assert outcomes(gateway, mail) == ["not_sent", "accepted"]


def test_a_mail_to_several_people_says_the_same_to_each(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Text, headers and whom it names are in all copies, also where the first who is named gets none."""
    who = caller(gateway)
    gateway.suppress.add(who, "ann@example.net")
    submit(gateway, who, "ann@example.net", "kim@example.net", "bob@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert {one.recipient for one in mailer.sent} == {"kim@example.net", "bob@example.net"}
    for sent in mailer.sent:
        said = (b"Come and see.", b"ann@example.net", b"kim@example.net", b"bob@example.net")
        assert all(words in sent.raw for words in said)
