"""An SES for tests with a ledger of every accepted email, whatever the answer, and a list of suppressed addresses."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from uuid import UUID

from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome, Refused, Retry
from app.services.sending.render import ATTEMPT_TAG
from tests.support.gateway.gateways import ScriptedMailer

MOODS = ("takes", "takes silently", "is silent", "is away", "refuses")


@dataclass
class Taken:
    """An email in SES's ledger."""

    envelope: Envelope
    ses_message_id: str
    at: datetime

    @property
    def attempt_id(self) -> UUID:
        return UUID(dict(self.envelope.tags)[ATTEMPT_TAG])


@dataclass
class Ses(ScriptedMailer):
    """Accepts an email or not, and answers or not, according to the mood that a test sets for the address.

    An email to one of the `suppressed` is accepted like any other, and recorded as a violation.
    """

    mood: dict[str, str] = field(default_factory=dict)
    ledger: list[Taken] = field(default_factory=list)
    suppressed: set[str] = field(default_factory=set)
    wronged: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def send(self, envelope: Envelope) -> Outcome:
        """Accept the email first, then answer or stay silent."""
        if envelope.recipient in self.suppressed:
            self.wronged.append(envelope.recipient)
        match self.mood.get(envelope.recipient, "takes"):
            case "refuses":
                return Refused("No.")
            case "is away":
                return Retry("No server there.")
            case "is silent":
                return Ambiguous("Silence.")
            case mood:
                taken = self._take(envelope)
                return Accepted(taken.ses_message_id) if mood == "takes" else Ambiguous("Silence.")

    def forget(self) -> None:
        """Begin anew."""
        for kept in (self.mood, self.ledger, self.suppressed, self.wronged, self.sent):
            kept.clear()

    def _take(self, envelope: Envelope) -> Taken:
        with self.lock:
            self.ledger.append(Taken(envelope, f"ses-{len(self.ledger):06d}", datetime.now(UTC)))
            return self.ledger[-1]
