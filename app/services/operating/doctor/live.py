"""Emails to the mailbox simulator of SES, through this gateway: does each event come back, and if not, where it stops.

They belong to Postern's own application, so no other application's list or figures have them.
https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.account.findings import Finding, Group, unknown, well, wrong
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import PosternError
from app.domain.feedback.events import EventType
from app.domain.message.address import MAILBOX_SIMULATOR, Mailbox, parse_address
from app.domain.message.mime import Message
from app.services.operating.canary.journey import Hop, Journey, journey_of
from app.services.sending.unconfirmed import own_app
from app.services.submission.accept import Accept, Submission
from app.store.engine.database import Database

STREAM: Final = "doctor"
_WANTED: Final = {
    "success": EventType.DELIVERY,
    "bounce": EventType.BOUNCE,
    "complaint": EventType.COMPLAINT,
}
_FIXES: Final = {
    Hop.ACCEPTED: "no worker claimed it: see the checks worker, broker and circuits",
    Hop.CLAIMED: "a worker claimed it and has no answer from SES: see its log, and the network to SES",
    Hop.CALLED: "SES did not take it: mend what SES says; it may need ses:SendEmail and ses:SendRawEmail",
    Hop.TAKEN: "SES took it, and no event came: see the configuration set, the topic, its subscription or queue",
    Hop.ARRIVED: "its notification is here and is not settled: see `./postern feedback` and the workers' log",
    Hop.ENDED: "it ended without being sent: mend what is said, then run this again",
    Hop.SETTLED: "an event came, and not the one that is due: see the types of the event destination",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One email to the mailbox simulator, by the name of its mailbox."""

    mailbox: str
    email_id: UUID


@dataclass(frozen=True, slots=True)
class Seen:
    """A trial and how far its email has come."""

    trial: Trial
    journey: Journey | None

    @property
    def is_over(self) -> bool:
        """Whether waiting longer would change nothing."""
        if self.journey is None:
            return True
        return self.journey.hop is Hop.ENDED or _WANTED[self.trial.mailbox] in self.journey.events


class TryLive:
    """Sends these emails and looks after them."""

    def __init__(self, *, database: Database, accept: Accept) -> None:
        self._database = database
        self._accept = accept

    def send(self, sender: str, *, actor: str) -> tuple[Trial, ...]:
        """Accept an email to each mailbox. Raises `InvalidAddress` for the sender, and `PosternError`."""
        caller = self._caller(actor)
        mailboxes = tuple(_WANTED)
        label = secrets.token_hex(4)
        submissions = [_submission(sender, f"{mailbox}+{label}@{MAILBOX_SIMULATOR}") for mailbox in mailboxes]
        accepted = self._accept(
            caller,
            submissions,
            idempotency=None,
            answer=lambda receipts: {"ids": [str(receipt.id) for receipt in receipts]},
        )
        return tuple(Trial(mailbox, UUID(one)) for mailbox, one in zip(mailboxes, accepted.body["ids"], strict=True))

    def look(self, trials: Iterable[Trial]) -> tuple[Seen, ...]:
        """How far each email has come. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            return tuple(Seen(trial, journey_of(connection, trial.email_id)) for trial in trials)

    def _caller(self, actor: str) -> Caller:
        with self._database.transaction() as connection:
            own = own_app(connection)
        return Caller(
            actor=actor,
            app_id=own.id,
            app=own.name,
            scopes=frozenset({Scope.EMAILS_SEND}),
            senders=("*",),
            default_lane=own.default_lane,
        )


def finding_of(seen: Seen, *, waited_s: float) -> Finding:
    """What one trial has shown after this long."""
    name, journey, wanted = f"{seen.trial.mailbox}@", seen.journey, _WANTED[seen.trial.mailbox]
    if journey is None:
        return unknown(Group.LIVE, name, "its email is gone", "run this again")
    if wanted in journey.events and journey.back_at is not None:
        return well(Group.LIVE, name, f"{wanted}, {(journey.back_at - journey.accepted_at).total_seconds():.1f} s")
    because = f": {journey.why}" if journey.why else ""
    return wrong(Group.LIVE, name, f"stopped at {journey.hop} after {waited_s:.0f} s{because}", _FIXES[journey.hop])


def refused(error: PosternError) -> Finding:
    """The finding when the gateway did not accept the emails."""
    return wrong(Group.LIVE, "accepted", f"the gateway refused: {error.detail}", "mend it, then run this again")


def _submission(sender: str, address: str) -> Submission:
    message = Message(
        sender=Mailbox(None, parse_address(sender)),
        to=(Mailbox(None, parse_address(address)),),
        cc=(),
        reply_to=(),
        subject="Postern doctor",
        text="Postern looks whether the events of SES come back.",
        html=None,
        headers=(),
        attachments=(),
    )
    return Submission(message=message, stream=STREAM)
