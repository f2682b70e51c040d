"""An accepted email is committed, a refused one leaves nothing, and a repeated request makes no second email."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import ConcurrentIdempotentRequests, InvalidIdempotentRequest, RestrictedApiKey
from app.domain.message.mailboxes import parse_mailbox
from app.domain.sending.state_machine import State
from app.queue import DELIVER, Lane
from app.services.submission.accept import Acceptance, Receipt, Submission
from app.services.submission.idempotency import Idempotency, fingerprint, fingerprint_as_sent
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import state_of, submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import age, count, rows

TABLES = ("emails", "recipients", "idempotency_keys")
KEY = Idempotency("invite-1", fingerprint("/v1/emails", "body"))


def ids(receipts: tuple[Receipt, ...]) -> dict[str, Any]:
    return {"ids": [str(one.id) for one in receipts]}


def accept(gateway: Gateway, who: Caller, *emails: Submission, idempotency: Idempotency | None = None) -> Acceptance:
    return gateway.accept(who, emails or (submission("ann@example.net"),), idempotency=idempotency, answer=ids)


def codes(gateway: Gateway, who: Caller, email: Submission) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in gateway.accept.faults(who, email)]


def test_an_email_is_committed_before_the_answer(gateway: Gateway) -> None:
    """After the answer another connection finds the email, sealed, with its recipients queued, and the bell is rung."""
    answer = accept(gateway, caller(gateway), submission("ann@example.net", "bob@example.net"))
    [email] = rows(gateway, "emails")
    assert [str(email["id"])] == answer.body["ids"]
    assert b"Come and see" not in email["sealed_body"]
    assert [row["state"] for row in rows(gateway, "recipients")] == [State.QUEUED] * 2
    assert gateway.redis.exists(f"postern:bell:{DELIVER[Lane.TRANSACTIONAL].name}")


def test_a_failure_before_the_answer_leaves_nothing(gateway: Gateway) -> None:
    """Whatever fails in between, no part of an email stays, and the idempotency key is free."""

    def broken(receipts: tuple[Receipt, ...]) -> dict[str, Any]:
        raise ZeroDivisionError

    who = caller(gateway)
    with pytest.raises(ZeroDivisionError):
        gateway.accept(who, [submission("ann@example.net")], idempotency=KEY, answer=broken)
    assert [count(gateway, table) for table in TABLES] == [0, 0, 0]
    assert not accept(gateway, who, idempotency=KEY).replayed


def test_a_batch_is_one_transaction(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """All emails of a batch are accepted, or none."""
    emails = [submission(f"r{number}@example.net") for number in range(5)]
    assert len(accept(gateway, caller(gateway), *emails).body["ids"]) == 5
    broken = replace(emails[0], tags=(("bad", object()),))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="JSON"):
        accept(gateway, caller(gateway), *emails, broken)
    assert count(gateway, "emails") == 5


def test_one_key_and_twenty_callers_make_one_email(gateway: Gateway) -> None:
    """The same request comes twenty times at once: there is one email, and every answer is the same."""
    who, start = caller(gateway), Barrier(20)

    def post() -> Acceptance | None:
        start.wait(10)
        with suppress(ConcurrentIdempotentRequests):
            return accept(gateway, who, idempotency=KEY)
        return None

    with ThreadPoolExecutor(20) as threads:
        answers = [each.result() for each in [threads.submit(post) for _ in range(20)]]
    given = [answer for answer in answers if answer is not None]
    assert count(gateway, "emails") == 1
    assert len({str(answer.body) for answer in given}) == 1
    assert [answer.replayed for answer in given].count(False) == 1
    assert accept(gateway, who, idempotency=KEY).replayed


def test_one_key_is_for_one_request(gateway: Gateway) -> None:
    """The same key with another body is refused and stores nothing; another application's key is another key."""
    who = caller(gateway)
    accept(gateway, who, idempotency=KEY)
    other = Idempotency(KEY.key, fingerprint("/v1/emails", "another body"))
    with pytest.raises(InvalidIdempotentRequest):
        accept(gateway, who, idempotency=other)
    assert count(gateway, "emails") == 1
    assert not accept(gateway, caller(gateway, app="other"), idempotency=other).replayed


def test_an_expired_key_may_be_used_again(gateway: Gateway) -> None:
    """After its time the key counts as new, even before the sweep has removed it."""
    who = caller(gateway)
    accept(gateway, who, idempotency=KEY)
    age(gateway, "idempotency_keys", "expires_at", timedelta(seconds=1))
    assert not accept(gateway, who, idempotency=Idempotency(KEY.key, bytes(32))).replayed
    assert count(gateway, "emails") == 2


def test_a_key_of_before_still_finds_its_answer(gateway: Gateway) -> None:
    """An answer that was stored under the fingerprint of the bytes is given again."""
    who = caller(gateway)
    before = Idempotency(KEY.key, fingerprint_as_sent("/v1/emails", b'"body"'))
    first = accept(gateway, who, idempotency=before)
    now = Idempotency(KEY.key, KEY.fingerprint, before.fingerprint)
    assert accept(gateway, who, idempotency=now) == Acceptance(first.body, replayed=True)


def test_an_application_uses_only_its_own_senders(gateway: Gateway) -> None:
    """An application sends as the addresses and domains that it was given, and needs the scope."""
    who = caller(gateway, senders=("@example.com",))
    assert codes(gateway, who, submission("ann@example.net")) == []
    with pytest.raises(RestrictedApiKey) as refused:
        gateway.accept.faults(who, submission("ann@example.net", sender="boss@example.org"))
    assert refused.value.faults[0].pointer == "/from"
    assert "example.org" not in str(refused.value)
    with pytest.raises(RestrictedApiKey):
        gateway.accept.faults(caller(gateway, scopes=frozenset({Scope.EMAILS_READ})), submission("ann@example.net"))


@pytest.mark.parametrize(
    "times, faults",
    [
        (lambda now: {"scheduled_at": now + timedelta(days=29)}, []),
        (lambda now: {"scheduled_at": now - timedelta(minutes=1)}, []),
        (lambda now: {"scheduled_at": now - timedelta(minutes=6)}, [("/scheduled_at", "in_the_past")]),
        (lambda now: {"scheduled_at": now + timedelta(days=31)}, [("/scheduled_at", "too_far")]),
        (lambda now: {"expires_at": now + timedelta(minutes=1)}, []),
        (lambda now: {"expires_at": now - timedelta(seconds=1)}, [("/expires_at", "too_early")]),
        (
            lambda now: {"scheduled_at": now + timedelta(hours=2), "expires_at": now + timedelta(hours=1)},
            [("/expires_at", "too_early")],
        ),
    ],
)
def test_times_lie_ahead_and_in_order(
    gateway: Gateway, times: Callable[[datetime], dict[str, Any]], faults: list[tuple[str, str]]
) -> None:
    """An email can be scheduled up to 30 days ahead, and must not expire before it is due."""
    assert codes(gateway, caller(gateway), submission("ann@example.net", **times(datetime.now(UTC)))) == faults


def test_an_address_gets_one_copy_however_often_it_is_named(gateway: Gateway) -> None:
    """To goes before cc, and cc before bcc, by the suppression key: another case or name makes no second person."""
    email = submission("Ann <ann@example.net>", "ANN@example.net", bcc=(parse_mailbox("ann@EXAMPLE.net"),))
    message = replace(email.message, cc=(parse_mailbox("bob@example.net"), parse_mailbox("Ann@example.net")))
    accept(
        gateway, caller(gateway), replace(email, message=message, bcc=(*email.bcc, parse_mailbox("bob@example.net")))
    )
    named = [(row["kind"], row["address"]) for row in rows(gateway, "recipients")]
    assert named == [("to", "ann@example.net"), ("cc", "bob@example.net")]


@pytest.mark.parametrize("number, faults", [(0, [("/to", "required")]), (50, []), (51, [("/to", "too_many")])])
def test_an_email_has_one_to_fifty_recipients(gateway: Gateway, number: int, faults: list[tuple[str, str]]) -> None:
    """As many as SES takes, to, cc and bcc together."""
    email = submission(*[f"r{one}@example.net" for one in range(number)])
    assert codes(gateway, caller(gateway), email) == faults


@pytest.mark.parametrize("stream", ["News", "", "a b", "-x", "x" * 65])
def test_a_stream_is_a_plain_word(gateway: Gateway, stream: str) -> None:
    """The stream is one half of a suppression's scope."""
    assert codes(gateway, caller(gateway), submission("ann@example.net", stream=stream)) == [("/stream", "grammar")]


def test_the_answer_names_recipients_that_are_already_suppressed(gateway: Gateway) -> None:
    """It has the address, origin and time. The others are sent to; another application's stream does not count."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    gateway.suppress.add(who, "ann@example.net", scope="invites/news")
    answered: list[Receipt] = []

    def answer(receipts: tuple[Receipt, ...]) -> dict[str, Any]:
        answered.extend(receipts)
        return {}

    gateway.accept(who, [submission("Kim@example.net", "ann@example.net")], idempotency=None, answer=answer)
    [named] = answered[0].suppressed
    assert (named.email, named.origin) == ("Kim@example.net", "manual")
    assert [row["state"] for row in rows(gateway, "recipients")] == [State.SUPPRESSED, State.QUEUED]


def test_a_dead_broker_neither_refuses_nor_delays_an_email(migrated_url: str) -> None:
    """No server listens at the broker's address: accepted within moments, and sent once upkeep or a worker looks."""
    nowhere = "redis://127.0.0.1:1/0"
    gateway = build(settings_for(migrated_url, nowhere), mailer=ScriptedMailer())
    began = time.monotonic()
    email = submit(gateway, caller(gateway), "ann@example.net")
    assert time.monotonic() - began < 2.5
    assert gateway.upkeep.ring_bells() == 0
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT
    gateway.close()
