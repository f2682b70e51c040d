"""A mail whose fate could not be found out waits for a person: who may decide, what follows, and what is kept of it."""

from uuid import UUID, uuid4

import pytest

from app.domain.callers import Caller
from app.domain.delivery import State
from app.domain.errors import Conflict, NotFound, RestrictedApiKey
from app.domain.proof import OnUnconfirmed
from app.queue import Lane
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller
from tests.mails import ROOT, state_of
from tests.rows import outcomes, recipient_of, rows
from tests.ses_events import about, bring
from tests.unknown import ANN, be_quiet, calls_to, submit_in_silence


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


@pytest.fixture
def mail(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> UUID:
    """A mail to Ann of unknown fate."""
    return submit_in_silence(gateway, mailer, who, ANN)[0]


@pytest.fixture
def held(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> UUID:
    """A mail to Ann that waits for a person."""
    mail = submit_in_silence(gateway, mailer, who, ANN, on_unconfirmed=OnUnconfirmed.HOLD)[0]
    be_quiet(gateway)
    gateway.reconcile.sweep()
    assert state_of(gateway, mail) is State.HELD
    return mail


def test_a_person_may_send_a_held_mail_again(gateway: Gateway, mailer: ScriptedMailer, held: UUID) -> None:
    """It is sent as a possible duplicate, and the audit says who wanted it and why."""
    recipient = recipient_of(gateway, held)
    gateway.reconcile.resend(ROOT, recipient.id, reason="The log of their server shows nothing.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    row = recipient_of(gateway, held)
    assert (row.state, row.possible_duplicate, calls_to(mailer)) == (State.SENT, True, 2)
    (entry,) = rows(gateway, "audit", action="resend")
    assert (entry["actor"], entry["reason"]) == (ROOT.actor, "The log of their server shows nothing.")
    assert entry["data"] == {"recipient_id": str(recipient.id)}


def test_a_person_may_give_a_held_mail_up(gateway: Gateway, mailer: ScriptedMailer, held: UUID) -> None:
    """It is not sent again and its call is closed on that person's word; news of it would count all the same."""
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


def test_only_a_held_mail_is_for_a_person_to_decide(gateway: Gateway, who: Caller, mail: UUID, held: UUID) -> None:
    """Not an unconfirmed one, not one that is unknown, and not for the application."""
    with pytest.raises(Conflict):
        gateway.reconcile.resend(ROOT, recipient_of(gateway, mail).id, reason="Now.")
    with pytest.raises(NotFound):
        gateway.reconcile.discard(ROOT, uuid4(), reason="Whatever.")
    with pytest.raises(RestrictedApiKey):
        gateway.reconcile.resend(who, recipient_of(gateway, held).id, reason="Now.")
    assert rows(gateway, "audit", action="resend") == []
