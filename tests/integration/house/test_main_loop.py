"""The main loop on real SQL and a real Valkey: accept, gate, send, feedback, suppress, refuse, unsuppress, send."""

import json
from uuid import UUID

import pytest

from app.domain.delivery import State
from app.domain.outcome import Ambiguous, Refused, Retry
from app.queue import Lane
from app.services.authenticate import operator
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller
from tests.mails import bounce, complaint, delivery, feed, state_of, submit


def test_an_accepted_mail_is_sent_once_and_says_so(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A mail goes from accepted to sent, with one call for its one recipient, tagged with recipient and attempt."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["ann@example.net"]
    view = gateway.look_up.email(operator("test"), mail)
    assert view.last_event == "sent"
    tags = dict(mailer.sent[0].tags)
    assert tags["postern_recipient"] == str(view.recipients[0].id)
    assert str(UUID(tags["postern_attempt"])) == tags["postern_attempt"]


def test_a_hard_bounce_suppresses_until_somebody_lifts_it(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Bounce, refusal, unsuppression with a reason, and the next mail goes."""
    who = caller(gateway)
    mail = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail))
    assert state_of(gateway, mail) is State.BOUNCED

    refused = submit(gateway, who, "Kim <KIM@example.net>")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, refused) is State.SUPPRESSED
    assert len(mailer.sent) == 1

    gateway.suppress.remove(who, "kim@example.net", reason="The mailbox is back.", wait_for_ses=False)
    again = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, again) is State.SENT
    assert len(mailer.sent) == 2


def test_a_suppression_after_accept_is_found_by_the_claim(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A mail that was accepted before its address was suppressed is not sent."""
    who = caller(gateway)
    mail = submit(gateway, who, "kim@example.net")
    gateway.suppress.add(who, "kim@example.net", reason="She asked us to stop.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.SUPPRESSED
    assert mailer.sent == []


@pytest.mark.parametrize(
    "answer, expected",
    [
        (Refused("No."), State.FAILED),
        (Ambiguous("Silence."), State.UNCONFIRMED),
        (Retry("Nobody there."), State.RETRY_WAIT),
    ],
)
def test_each_outcome_of_a_call_has_its_state(
    gateway: Gateway, mailer: ScriptedMailer, answer: Refused | Ambiguous | Retry, expected: State
) -> None:
    """Refused for good fails, unknown waits unconfirmed, certainly not sent waits for a retry; each says why."""
    mailer.answers["ann@example.net"] = answer
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is expected
    assert answer.reason in (gateway.look_up.email(operator("test"), mail).recipients[0].reason or "")


def test_an_unconfirmed_mail_is_settled_by_any_tagged_event(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A call without an answer is settled by SES's own event, which carries our tag and an id that we never saw."""
    mailer.answers["ann@example.net"] = Ambiguous("Silence.")
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, delivery(gateway, mail, ses_message_id="ses-unheard-of", tags=dict(mailer.sent[0].tags)))
    view = gateway.look_up.email(operator("test"), mail)
    assert view.recipients[0].state == State.DELIVERED
    assert view.recipients[0].ses_message_id == "ses-unheard-of"


def test_a_late_event_about_older_mail_does_not_undo_a_removal(gateway: Gateway) -> None:
    """After an unsuppression a complaint about the old mail changes nothing; one about a new mail suppresses."""
    who = caller(gateway)
    old = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, old))
    gateway.suppress.remove(who, "kim@example.net", reason="A mistake of their server.", wait_for_ses=False)
    feed(gateway, complaint(gateway, old, feedback_id="late-and-new"))
    assert state_of(gateway, submit(gateway, who, "kim@example.net")) is State.QUEUED
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    fresh = submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, complaint(gateway, fresh, sent_later=True))
    assert state_of(gateway, submit(gateway, who, "kim@example.net")) is State.SUPPRESSED


def test_feedback_that_comes_before_our_own_commit_is_parked_and_matched(
    gateway: Gateway, mailer: ScriptedMailer
) -> None:
    """An event whose message id is not known yet suppresses at once and settles the mail once the id is known."""
    who = caller(gateway)
    mail = submit(gateway, who, "kim@example.net")
    early = bounce(gateway, mail, ses_message_id="ses-000001-kim@example.net", tags={})
    feed(gateway, early)
    assert gateway.suppress.find(who, "kim@example.net").entries[0].origin == "bounce"
    assert state_of(gateway, mail) is State.QUEUED
    gateway.suppress.remove(who, "kim@example.net", reason="For this test.", wait_for_ses=False)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.settle.drain()
    assert state_of(gateway, mail) is State.BOUNCED


def test_the_same_idempotency_key_gives_the_same_mail(gateway: Gateway) -> None:
    """The first answer is stored with the mail and replayed; there is one mail."""
    who = caller(gateway)
    first = submit(gateway, who, "ann@example.net", idempotency="invite-1")
    assert submit(gateway, who, "ann@example.net", idempotency="invite-1") == first


def test_bulk_waits_for_transactional(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Whoever drains the bulk lane takes what is due in the transactional lane first."""
    who = caller(gateway)
    for number in range(30):
        submit(gateway, who, f"news{number}@example.net", lane=Lane.BULK)
    submit(gateway, who, "urgent@example.net")
    gateway.deliver.drain(Lane.BULK)
    order = [one.recipient for one in mailer.sent]
    assert order[0] == "urgent@example.net"
    assert len(order) == 31


def test_no_application_starves_another(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """With a thousand mails of one application waiting, another one's mail is in the first batch."""
    loud, quiet = caller(gateway, app="loud"), caller(gateway, app="quiet")
    for number in range(60):
        submit(gateway, loud, f"many{number}@example.net")
    submit(gateway, quiet, "one@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    order = [one.recipient for one in mailer.sent]
    assert order.index("one@example.net") < 10


def test_the_timeline_tells_the_whole_story(gateway: Gateway) -> None:
    """Accepted, attempted, bounced, in order, with what was concluded."""
    mail = submit(gateway, caller(gateway), "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail))
    entries = gateway.look_up.timeline(operator("test"), mail)
    assert [entry.type for entry in entries] == ["accepted", "attempt", "bounce"]
    assert "suppressed" in entries[-1].effect
    assert json.dumps(dict(entries[-1].data))
