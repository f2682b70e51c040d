"""Emails of unknown outcome, for tests: SES does not answer, their peers have events or not, and time passes."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.apps.callers import Caller
from app.domain.sending.call_outcome import Ambiguous, Envelope
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import ENOUGH_PEERS
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event
from tests.support.aws.ses_events import about, bring
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer
from tests.support.gateway.rows import age, rows

ANN = "ann@example.net"
QUIET = timedelta(minutes=16)


def submit_in_silence(gateway: Gateway, mailer: ScriptedMailer, who: Caller, *to: str, **more: Any) -> list[UUID]:
    """Submit emails, and have their calls to SES end without an answer."""
    mailer.answers |= dict.fromkeys(to, Ambiguous("Silence."))
    emails = [submit(gateway, who, one, **more) for one in to]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert {state_of(gateway, email) for email in emails} == {State.UNCONFIRMED}
    for one in to:
        del mailer.answers[one]
    return emails


def send_peers(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, *, seen: int, accepted: int = ENOUGH_PEERS
) -> None:
    """Send `accepted` emails that SES answers; `seen` of them get their `Send` event."""
    before = len(mailer.sent)
    submit(gateway, who, *(f"peer{number}@example.net" for number in range(accepted)))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    bring(gateway, *(sent(gateway, envelope) for envelope in mailer.sent[before:][:seen]))


def sent(gateway: Gateway, envelope: Envelope, ses_message_id: str | None = None) -> Event:
    """Return SES's `Send` event of this call, by default with the message id of the answer."""
    (attempt,) = rows(gateway, "attempts", id=UUID(dict(envelope.tags)["postern_attempt"]))
    return about(envelope, "Send", ses_message_id or str(attempt["ses_message_id"]))


def be_quiet(gateway: Gateway, by: timedelta = QUIET) -> None:
    """Let `by` pass without an event."""
    age(gateway, "recipients", "unconfirmed_since", by, state=State.UNCONFIRMED)
    age(gateway, "attempts", "started_at", by)


def calls_to(mailer: ScriptedMailer, address: str = ANN) -> int:
    return sum(envelope.recipient == address for envelope in mailer.sent)
