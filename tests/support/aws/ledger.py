"""An SES for tests that keeps a ledger of what it took, whatever it answered, and knows whom it must not be given."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from uuid import UUID

from app.domain.outcome import Accepted, Ambiguous, Envelope, Outcome, Refused, Retry
from app.services.envelopes import ATTEMPT_TAG
from tests.gateways import ScriptedMailer

MOODS = ("takes", "takes silently", "is silent", "is away", "refuses")


@dataclass
class Taken:
    """A mail in SES's ledger."""

    envelope: Envelope
    ses_message_id: str
    at: datetime

    @property
    def attempt_id(self) -> UUID:
        return UUID(dict(self.envelope.tags)[ATTEMPT_TAG])


@dataclass
class Ses(ScriptedMailer):
    """Takes a mail or not, and answers or not, as its mood towards the address is.

    A mail to one of the `suppressed` is taken like any other, and that somebody was wronged is noted.
    """

    mood: dict[str, str] = field(default_factory=dict)
    ledger: list[Taken] = field(default_factory=list)
    suppressed: set[str] = field(default_factory=set)
    wronged: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def send(self, envelope: Envelope) -> Outcome:
        """Take the mail first, then answer, or be silent."""
        if envelope.recipient in self.suppressed:
            self.wronged.append(envelope.recipient)
        match self.mood.get(envelope.recipient, "takes"):
            case "refuses":
                return Refused("No.")
            case "is away":
                return Retry("Nobody there.")
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
