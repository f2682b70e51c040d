"""The main loop on real SQL and a real Valkey: accept, gate, send, feedback, suppress, refuse, unsuppress, send."""

import json
from uuid import UUID

import pytest

from app.domain.sending.call_outcome import Ambiguous, Refused, Retry
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import bounce, complaint, delivery, feed, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller


def test_an_accepted_email_is_sent_once_and_says_so(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An email goes from accepted to sent, with one call for its one recipient, tagged with recipient and attempt."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["ann@example.net"]
    view = gateway.look_up.email(operator("test"), email)
    assert view.last_event == "sent"
    tags = dict(mailer.sent[0].tags)
    assert tags["postern_recipient"] == str(view.recipients[0].id)
    assert str(UUID(tags["postern_attempt"])) == tags["postern_attempt"]


def test_a_hard_bounce_suppresses_until_the_address_is_unsuppressed(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A hard bounce suppresses the address; after an unsuppression with a reason, the next email goes."""
    who = caller(gateway)
    email = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    assert state_of(gateway, email) is State.BOUNCED

    refused = submit(gateway, who, "Kim <KIM@example.net>")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, refused) is State.SUPPRESSED
    assert len(mailer.sent) == 1

    gateway.unsuppress(who, "kim@example.net", reason="The mailbox is back.", wait_for_ses=False)
    again = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, again) is State.SENT
    assert len(mailer.sent) == 2


def test_a_suppression_after_accept_is_found_by_the_claim(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An email that was accepted before its address was suppressed is not sent."""
    who = caller(gateway)
    email = submit(gateway, who, "kim@example.net")
    gateway.suppress.add(who, "kim@example.net", reason="She asked us to stop.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SUPPRESSED
    assert mailer.sent == []


@pytest.mark.parametrize(
    "answer, expected",
    [
        (Refused("No."), State.FAILED),
        (Ambiguous("Silence."), State.UNCONFIRMED),
        (Retry("No server there."), State.RETRY_WAIT),
    ],
)
def test_each_outcome_of_a_call_has_its_state(
    gateway: Gateway, mailer: ScriptedMailer, answer: Refused | Ambiguous | Retry, expected: State
) -> None:
    """A final refusal fails, an unknown outcome waits unconfirmed, a call that sent nothing waits for a retry."""
    mailer.answers["ann@example.net"] = answer
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is expected
    assert answer.reason in (gateway.look_up.email(operator("test"), email).recipients[0].reason or "")


def test_an_unconfirmed_email_is_settled_by_any_tagged_event(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A call without an answer is settled by SES's own event, which carries our tag and an id that is new here."""
    mailer.answers["ann@example.net"] = Ambiguous("Silence.")
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, delivery(gateway, email, ses_message_id="ses-unheard-of", tags=dict(mailer.sent[0].tags)))
    view = gateway.look_up.email(operator("test"), email)
    assert view.recipients[0].state == State.DELIVERED
    assert view.recipients[0].ses_message_id == "ses-unheard-of"


def test_a_late_event_about_older_email_does_not_undo_a_removal(gateway: Gateway) -> None:
    """After an unsuppression a complaint about the old email changes nothing; one about a new email suppresses."""
    who = caller(gateway)
    old = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, old))
    gateway.unsuppress(who, "kim@example.net", reason="A mistake of their server.", wait_for_ses=False)
    feed(gateway, complaint(gateway, old, feedback_id="late-and-new"))
    assert state_of(gateway, submit(gateway, who, "kim@example.net")) is State.QUEUED
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    fresh = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, complaint(gateway, fresh, sent_later=True))
    assert state_of(gateway, submit(gateway, who, "kim@example.net")) is State.SUPPRESSED


def test_an_event_that_comes_before_our_own_commit_is_parked_and_matched(
    gateway: Gateway, mailer: ScriptedMailer
) -> None:
    """An event whose message id is not known yet suppresses at once and settles the email once the id is known."""
    who = caller(gateway)
    email = submit(gateway, who, "kim@example.net")
    early = bounce(gateway, email, ses_message_id="ses-000001-kim@example.net", tags={})
    feed(gateway, early)
    assert gateway.suppress.find(who, "kim@example.net").entries[0].origin == "bounce"
    assert state_of(gateway, email) is State.QUEUED
    gateway.unsuppress(who, "kim@example.net", reason="For this test.", wait_for_ses=False)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.settle.drain()
    assert state_of(gateway, email) is State.BOUNCED


def test_the_same_idempotency_key_gives_the_same_email(gateway: Gateway) -> None:
    """The first answer is stored with the email and replayed; there is one email."""
    who = caller(gateway)
    first = submit(gateway, who, "ann@example.net", idempotency="invite-1")
    assert submit(gateway, who, "ann@example.net", idempotency="invite-1") == first


def test_bulk_waits_for_transactional(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A worker that drains the bulk lane takes what is due in the transactional lane first."""
    who = caller(gateway)
    for number in range(30):
        submit(gateway, who, f"news{number}@example.net", lane=Lane.BULK)
    submit(gateway, who, "urgent@example.net")
    gateway.deliver.drain(Lane.BULK)
    order = [one.recipient for one in mailer.sent]
    assert order[0] == "urgent@example.net"
    assert len(order) == 31


def test_no_application_starves_another(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """With a thousand emails of one application waiting, an email of another one is in the first batch."""
    loud, quiet = caller(gateway, app="loud"), caller(gateway, app="quiet")
    for number in range(60):
        submit(gateway, loud, f"many{number}@example.net")
    submit(gateway, quiet, "one@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    order = [one.recipient for one in mailer.sent]
    assert order.index("one@example.net") < 10


def test_the_timeline_shows_every_step_of_an_email(gateway: Gateway) -> None:
    """Accepted, attempted, bounced, in order, each with the conclusion that was drawn."""
    email = submit(gateway, caller(gateway), "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    entries = gateway.look_up.timeline(operator("test"), email)
    assert [entry.type for entry in entries] == ["accepted", "attempt", "bounce"]
    assert "suppressed" in entries[-1].effect
    assert json.dumps(dict(entries[-1].data))
