"""Mails of unknown fate, for tests: SES keeps silent about them, their peers have events or not, and time passes."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.callers import Caller
from app.domain.delivery import State
from app.domain.outcome import Ambiguous, Envelope
from app.domain.proof import ENOUGH_PEERS
from app.queue import Lane
from app.wiring import Gateway
from tests.feedback import Event
from tests.gateways import ScriptedMailer
from tests.mails import state_of, submit
from tests.rows import age, rows
from tests.ses_events import about, bring

ANN = "ann@example.net"
QUIET = timedelta(minutes=16)


def submit_in_silence(gateway: Gateway, mailer: ScriptedMailer, who: Caller, *to: str, **more: Any) -> list[UUID]:
    """Mails that SES gave no answer about."""
    mailer.answers |= dict.fromkeys(to, Ambiguous("Silence."))
    mails = [submit(gateway, who, one, **more) for one in to]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert {state_of(gateway, mail) for mail in mails} == {State.UNCONFIRMED}
    for one in to:
        del mailer.answers[one]
    return mails


def send_peers(
    gateway: Gateway, mailer: ScriptedMailer, who: Caller, *, seen: int, accepted: int = ENOUGH_PEERS
) -> None:
    """Mails that SES answered for; `seen` of them have their `Send` event."""
    before = len(mailer.sent)
    submit(gateway, who, *(f"peer{number}@example.net" for number in range(accepted)))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    bring(gateway, *(sent(gateway, envelope) for envelope in mailer.sent[before:][:seen]))


def sent(gateway: Gateway, envelope: Envelope, ses_message_id: str | None = None) -> Event:
    """SES's `Send` event of this call, by default under the message id that SES answered with."""
    (attempt,) = rows(gateway, "attempts", id=UUID(dict(envelope.tags)["postern_attempt"]))
    return about(envelope, "Send", ses_message_id or str(attempt["ses_message_id"]))


def be_quiet(gateway: Gateway, by: timedelta = QUIET) -> None:
    """Let this much time pass without an event."""
    age(gateway, "recipients", "unconfirmed_since", by, state=State.UNCONFIRMED)
    age(gateway, "attempts", "started_at", by)


def calls_to(mailer: ScriptedMailer, address: str = ANN) -> int:
    return sum(envelope.recipient == address for envelope in mailer.sent)
