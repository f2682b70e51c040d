"""A fault of ours never ends an email: a missing key or setting, a lost body, a rendering bug, an unknown code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.domain.sending.call_outcome import Refused, Retry
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.sending.render import SealedEmail
from app.store.submission.sealing import KeyRing
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import SECRET_KEY, ScriptedMailer, caller, gateway_on
from tests.support.gateway.rows import change, count, make_due, recipient_of, rows

NEW_KEY = "N" * 43
TRIES = 3
UNKNOWN = Retry("SES answered 400 New, which this version does not know", subject="400 New")


def drain_until_held(gateway: Gateway, email: UUID, *, most: int = TRIES + 1) -> int:
    """Drain until the email is held; returns the number of drains."""
    for number in range(1, most + 1):
        make_due(gateway)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        if state_of(gateway, email) is State.HELD:
            return number
    raise AssertionError(f"it is {recipient_of(gateway, email)}")


def erase_body(gateway: Gateway, email: UUID) -> None:
    change(gateway, "emails", {"sealed_body": None, "sealed_key": None}, id=email)


def alter_body(gateway: Gateway, email: UUID) -> None:
    change(gateway, "emails", {"sealed_body": b"x" * 40}, id=email)


@pytest.fixture
def patient(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> Any:
    """A gateway that gives an email three tries of its own."""
    with gateway_on(migrated_url, redis_url, mailer=mailer, max_attempts=TRIES) as gateway:
        yield gateway


@pytest.mark.parametrize("lose", [erase_body, alter_body])
def test_an_email_whose_body_is_lost_is_held(
    patient: Gateway, mailer: ScriptedMailer, lose: Callable[[Gateway, UUID], None]
) -> None:
    """A backup may have the body: a person decides. No other email waits for that, and an incident reports it."""
    email = submit(patient, caller(patient), "ann@example.net")
    lose(patient, email)
    other = submit(patient, caller(patient), "bob@example.net")
    assert drain_until_held(patient, email) == TRIES
    assert state_of(patient, other) is State.SENT
    assert "The body cannot be read: " in (recipient_of(patient, email).reason or "")
    [incident] = rows(patient, "incidents")
    assert (incident["kind"], incident["count"]) == ("body_unreadable", TRIES)
    assert [one.recipient for one in mailer.sent] == ["bob@example.net"]


def test_a_bug_in_rendering_holds_only_its_email(
    patient: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception of ours: after a few tries a person decides; every other email goes."""
    render = SealedEmail.envelope

    def breaks(sealed_email: SealedEmail, attempt: Any) -> Any:
        if attempt.recipient.address == "ann@example.net":
            raise ZeroDivisionError
        return render(sealed_email, attempt)

    monkeypatch.setattr(SealedEmail, "envelope", breaks)
    email = submit(patient, caller(patient), "ann@example.net")
    other = submit(patient, caller(patient), "bob@example.net")
    assert drain_until_held(patient, email) == TRIES
    assert state_of(patient, other) is State.SENT
    [incident] = rows(patient, "incidents")
    assert (incident["kind"], incident["subject"]) == ("render_failed", "ZeroDivisionError")
    assert count(patient, "circuits") == 0
    monkeypatch.setattr(SealedEmail, "envelope", render)
    patient.reconcile.resend(ROOT, recipient_of(patient, email).id, reason="Mended.")
    patient.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(patient, email) is State.SENT


def test_an_unknown_error_code_holds_the_email_and_never_fails_it(patient: Gateway, mailer: ScriptedMailer) -> None:
    """SES refused with a code that this version does not know: tried a few times, then held, with an incident."""
    mailer.answers["ann@example.net"] = UNKNOWN
    email = submit(patient, caller(patient), "ann@example.net")
    assert drain_until_held(patient, email) == TRIES
    row = recipient_of(patient, email)
    assert row.reason == f"Not sent in {TRIES} attempts; a person has to decide. {UNKNOWN.reason}"
    [incident] = rows(patient, "incidents")
    assert (incident["kind"], incident["subject"]) == ("ses_answer_unknown", "400 New")
    assert count(patient, "circuits") == 0


def test_an_email_that_is_resent_has_all_its_tries_again(patient: Gateway, mailer: ScriptedMailer) -> None:
    """One more failure after a person's decision does not hold it at once."""
    mailer.answers["ann@example.net"] = UNKNOWN
    email = submit(patient, caller(patient), "ann@example.net")
    drain_until_held(patient, email)
    patient.reconcile.resend(ROOT, recipient_of(patient, email).id, reason="Once more.")
    assert drain_until_held(patient, email) == TRIES


def test_without_its_key_no_email_ends_and_all_go_once_the_key_is_there(
    migrated_url: str, redis_url: str, mailer: ScriptedMailer
) -> None:
    """The web has a new key already, the worker does not: email waits with all its tries, one probe at a time."""
    with gateway_on(migrated_url, redis_url, secret_keys=f"{NEW_KEY},{SECRET_KEY}") as web:
        emails = [submit(web, caller(web), f"r{number}@example.net") for number in range(3)]
    with gateway_on(migrated_url, redis_url, mailer=mailer, max_attempts=TRIES) as worker:
        for _ in range(3 * TRIES):
            make_due(worker)
            worker.deliver.drain(Lane.TRANSACTIONAL)
        assert {row["state"] for row in rows(worker, "recipients")} <= {State.QUEUED, State.RETRY_WAIT}
        assert {row["attempts"] for row in rows(worker, "recipients")} == {0}
        [circuit] = rows(worker, "circuits")
        assert (circuit["scope"], (circuit["probe_at"] - circuit["opened_at"]).total_seconds() < 60) == ("keys", True)
        [incident] = rows(worker, "incidents")
        assert (incident["kind"], incident["subject"]) == ("sealing_key_missing", "SECRET_KEYS")
        assert NEW_KEY not in incident["detail"]
        waiting = worker.look_up.email(ROOT, emails[0]).recipients[0].reason or ""
        assert waiting.startswith("Held back: The body cannot be read here"), waiting
    assert mailer.sent == []
    with gateway_on(migrated_url, redis_url, mailer=mailer, secret_keys=f"{NEW_KEY},{SECRET_KEY}") as worker:
        for _ in range(2):
            make_due(worker)
            worker.deliver.drain(Lane.TRANSACTIONAL)
        assert {state_of(worker, email) for email in emails} == {State.SENT}
        assert count(worker, "circuits") == 0


def test_an_email_without_its_key_holds_up_none_that_can_be_opened(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Next to an email that could be opened it opens no circuit; it waits alone."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    sealed = KeyRing([NEW_KEY]).seal(b"", row_id=email)
    change(gateway, "emails", {"sealed_body": sealed.body, "sealed_key": sealed.key})
    other = submit(gateway, caller(gateway), "bob@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert (state_of(gateway, email), state_of(gateway, other)) == (State.RETRY_WAIT, State.SENT)
    assert count(gateway, "circuits") == 0
    row = recipient_of(gateway, email)
    assert (row.due_at - row.updated_at).total_seconds() >= 4.9
    assert count(gateway, "incidents", kind="sealing_key_missing") == 1


def test_only_a_stream_whose_link_cannot_be_made_waits(
    migrated_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path
) -> None:
    """`PUBLIC_URL` is missing where the worker runs: the stream that needs it is held back until it is set."""
    with gateway_on(migrated_url, redis_url, mailer=mailer, public_url="http://far.example", max_attempts=TRIES) as bad:
        who = caller(bad)
        other = submit(bad, who, "bob@example.net", stream="receipts")
        emails = [submit(bad, who, f"r{number}@example.net", stream="letters") for number in range(2)]
        with gateway_on(migrated_url, redis_url, public_url="https://mail.example.com") as good:
            good.streams.set(ROOT, app=who.app, name="letters", unsubscribe=True)
        for _ in range(3 * TRIES):
            make_due(bad)
            bad.deliver.drain(Lane.TRANSACTIONAL)
        assert state_of(bad, other) is State.SENT
        assert {recipient_of(bad, email).attempts for email in emails} == {0}
        assert [row["scope"] for row in rows(bad, "circuits")] == [f"stream:{who.app}/letters"]
        assert [row["kind"] for row in rows(bad, "incidents")] == ["unsubscribe_link_missing"]
    with gateway_on(migrated_url, redis_url, mailer=mailer, public_url="https://mail.example.com") as good:
        for _ in range(2):
            make_due(good)
            good.deliver.drain(Lane.TRANSACTIONAL)
        assert {state_of(good, email) for email in emails} == {State.SENT}
        assert count(good, "circuits") == 0


def test_a_refusal_of_the_content_still_ends_the_email(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """SES's refusal of the email itself ends it, and no person has to decide anything."""
    mailer.answers["ann@example.net"] = Refused("SES refused the email: Transaction failed.")
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.FAILED
    assert count(gateway, "incidents") == 0
