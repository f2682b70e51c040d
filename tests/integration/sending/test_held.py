"""An email whose outcome could not be found out waits for a person: who may decide, the effect, and the record."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.apps.callers import Caller
from app.domain.errors import Conflict, NotFound, RestrictedApiKey
from app.domain.sending.call_outcome import Ambiguous
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.aws.ses_events import about, bring
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import change, outcomes, recipient_of, rows
from tests.support.gateway.unconfirmed import ANN, be_quiet, calls_to, submit_in_silence


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


@pytest.fixture
def email(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> UUID:
    """An email to Ann with an unknown outcome."""
    return submit_in_silence(gateway, mailer, who, ANN)[0]


@pytest.fixture
def held(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> UUID:
    """An email to Ann that waits for a person's decision."""
    email = submit_in_silence(gateway, mailer, who, ANN, on_unconfirmed=OnUnconfirmed.HOLD)[0]
    be_quiet(gateway)
    gateway.reconcile.sweep()
    assert state_of(gateway, email) is State.HELD
    return email


def test_a_person_may_send_a_held_email_again(gateway: Gateway, mailer: ScriptedMailer, held: UUID) -> None:
    """It is sent as a possible duplicate, and the audit names the person and the reason."""
    recipient = recipient_of(gateway, held)
    gateway.reconcile.resend(ROOT, recipient.id, reason="The log of their server shows nothing.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    row = recipient_of(gateway, held)
    assert (row.state, row.possible_duplicate, calls_to(mailer)) == (State.SENT, True, 2)
    (entry,) = rows(gateway, "audit", action="resend")
    assert (entry["actor"], entry["reason"]) == (ROOT.actor, "The log of their server shows nothing.")
    assert entry["data"] == {"recipient_id": str(recipient.id)}


def test_an_email_that_is_resent_is_due_at_once(gateway: Gateway, held: UUID) -> None:
    """However late it was due before."""
    recipient = recipient_of(gateway, held)
    change(gateway, "recipients", {"due_at": recipient.due_at + timedelta(hours=1)})
    gateway.reconcile.resend(ROOT, recipient.id, reason="Now.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, held) is State.SENT


def test_a_decision_is_noted_at_the_email_and_at_its_call(gateway: Gateway, held: UUID) -> None:
    """With the person and the reason."""
    gateway.reconcile.discard(ROOT, recipient_of(gateway, held).id, reason="The event is over.")
    note = f"Discard by {ROOT.actor}: The event is over."
    [attempt] = rows(gateway, "attempts")
    assert (attempt["evidence"], attempt["reason"]) == ("operator", note)
    assert recipient_of(gateway, held).reason == note


def test_a_person_may_discard_a_held_email(gateway: Gateway, mailer: ScriptedMailer, held: UUID) -> None:
    """It is not sent again and its call is closed on that person's word; an event about it would still count."""
    first = mailer.sent[0]
    gateway.reconcile.discard(ROOT, recipient_of(gateway, held).id, reason="The event is over.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, held) is State.CANCELED
    assert outcomes(gateway, held) == ["not_sent"]
    (entry,) = rows(gateway, "audit", action="discard")
    assert entry["reason"] == "The event is over."
    bring(gateway, about(first, "Send", "ses-after-all"))
    assert state_of(gateway, held) is State.SENT
    assert calls_to(mailer) == 1


def test_a_person_may_decide_only_about_a_held_email(gateway: Gateway, who: Caller, email: UUID, held: UUID) -> None:
    """Not about an unconfirmed email, not about one that does not exist; and the application may not decide."""
    with pytest.raises(Conflict, match="Only a held email"):
        gateway.reconcile.resend(ROOT, recipient_of(gateway, email).id, reason="Now.")
    with pytest.raises(NotFound):
        gateway.reconcile.discard(ROOT, uuid4(), reason="Whatever.")
    with pytest.raises(RestrictedApiKey):
        gateway.reconcile.resend(who, recipient_of(gateway, held).id, reason="Now.")
    assert rows(gateway, "audit", action="resend") == []


def test_a_held_email_that_may_have_left_is_not_canceled(gateway: Gateway, who: Caller, held: UUID) -> None:
    """Its application cannot cancel what SES may have sent; once a person has decided that it was not sent, it can."""
    with pytest.raises(Conflict):
        gateway.revise.cancel(who, held)
    assert (state_of(gateway, held), outcomes(gateway, held)) == (State.HELD, ["unknown"])
    gateway.reconcile.resend(ROOT, recipient_of(gateway, held).id, reason="Their server never had it.")
    gateway.revise.cancel(who, held)
    assert state_of(gateway, held) is State.CANCELED


def test_the_held_recipients_of_an_email_are_found(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """Only those that wait for a person, only for an administrator, and with an error if there are none."""
    mailer.answers[ANN] = Ambiguous("Silence.")
    email = submit(gateway, who, ANN, "bob@example.net", on_unconfirmed=OnUnconfirmed.HOLD)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    with pytest.raises(Conflict, match="Only a held email"):
        gateway.reconcile.held_of(ROOT, email)
    be_quiet(gateway)
    gateway.reconcile.sweep()
    assert gateway.reconcile.held_of(ROOT, email) == (recipient_of(gateway, email).id,)
    with pytest.raises(NotFound):
        gateway.reconcile.held_of(ROOT, uuid4())
    with pytest.raises(RestrictedApiKey):
        gateway.reconcile.held_of(who, email)


def test_a_person_may_decide_about_several_at_once(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """Those that are held are resent or discarded together, each with its line in the audit; others stay."""
    addresses = [f"p{number}@example.net" for number in range(3)]
    emails = submit_in_silence(gateway, mailer, who, *addresses, on_unconfirmed=OnUnconfirmed.HOLD)
    be_quiet(gateway)
    gateway.reconcile.sweep()
    ids = [recipient_of(gateway, email).id for email in emails]
    assert gateway.reconcile.discard_all(ROOT, ids[:1], reason="Too late.") == 1
    assert gateway.reconcile.resend_all(ROOT, ids, reason="It never came.") == 2
    assert [state_of(gateway, email) for email in emails] == [State.CANCELED, State.RETRY_WAIT, State.RETRY_WAIT]
    named = [entry["data"]["recipient_id"] for entry in rows(gateway, "audit", action="resend")]
    assert sorted(named) == sorted(str(one) for one in ids[1:])
    with pytest.raises(Conflict):
        gateway.reconcile.resend_all(ROOT, ids, reason="Again.")
    with pytest.raises(NotFound):
        gateway.reconcile.discard_all(ROOT, [uuid4()], reason="Nothing.")
