"""Interpret one event by itself: which address it is about, what it asks of the suppression list, its timeline row.

This module reads and writes nothing. `app.services.feedback.apply` applies the event, given what else is known about
the address.
"""

from dataclasses import dataclass
from uuid import UUID

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.bounce_reader import BounceReader, BounceReading
from app.domain.feedback.events import EventType, SesEvent
from app.domain.message.address import Address, is_mailbox_simulator
from app.domain.message.domain_typos import meant
from app.domain.privacy.pseudonym import read_named
from app.domain.suppression.rules import Ruling, rule
from app.services.feedback.match_recipient import Match
from app.store.engine.ids import new_id
from app.store.feedback.events import Json, NewEvent, fingerprint
from app.store.sending.recipients import Recipient


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event as it may be kept, the notification that it came in, and the recipient that it is about, if known."""

    notification_id: UUID
    ses_event: SesEvent
    match: Match | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event, the cause of its bounce, the address that it is about, the ruling for the list, and its row.

    `rule` is the id of the rule that read the server's reply, if one did.
    """

    received: ReceivedEvent
    cause: BounceCause | None
    rule: str | None
    address: Address | None
    ruling: Ruling
    event: NewEvent

    @property
    def weighs_a_pause(self) -> bool:
        """Whether the pause of the address has to be assessed again."""
        return self.ruling.weight is not None or self.received.ses_event.kind is EventType.DELIVERY


def judge(
    received: ReceivedEvent, recipient: Recipient | None, *, bounces: BounceReader, exempt_simulator: bool
) -> Judged:
    """Interpret an event. `recipient` is the one that it is about, if that is known."""
    address = blamed(received.ses_event, recipient)
    exempt = exempt_simulator and address is not None and is_mailbox_simulator(address)
    reading = bounces.read_event(received.ses_event)
    cause = reading.cause if reading else None
    ruling = rule(received.ses_event, cause, exempt=exempt)
    return Judged(
        received=received,
        cause=cause,
        rule=reading.rule if reading else None,
        address=address,
        ruling=ruling,
        event=_event(received, address, recipient, ruling, reading),
    )


def event_data(ses_event: SesEvent) -> Json:
    """The fields of the event that are kept as evidence, without those that are None."""
    bounce, complaint = ses_event.bounce, ses_event.complaint
    fields: Json = {"ses_message_id": ses_event.ses_message_id, "feedback_id": ses_event.feedback_id}
    if bounce is not None:
        fields |= {
            "bounce_type": bounce.type,
            "bounce_subtype": bounce.subtype,
            "action": bounce.action,
            "status": bounce.status,
            "diagnostic": bounce.diagnostic,
            "reported_recipient": ses_event.recipient,
        }
    if complaint is not None:
        fields |= {"complaint_type": complaint.feedback_type, "complaint_subtype": complaint.subtype}
        fields |= {"complaint_among": complaint.among if complaint.among > 1 else None}
    return {name: value for name, value in fields.items() if value is not None}


def blamed(ses_event: SesEvent, recipient: Recipient | None) -> Address | None:
    """The address that the event is about.

    SES reports a DSN's Final-Recipient. For a forwarded email that is an address that we never sent to: then it is the
    one address that we did send to. With several of those, it is None. It is None of a test email, too: only email that
    was sent is evidence about an address.
    """
    if recipient is not None and recipient.is_test:
        return None
    reported = read_named(ses_event.recipient) if ses_event.recipient else None
    mailed = _mailed(ses_event, recipient)
    if reported is None or any(one.key == reported.key for one in mailed):
        return reported or (mailed[0] if recipient else None)
    if not mailed:
        return reported
    return mailed[0] if len(mailed) == 1 else None


def _mailed(ses_event: SesEvent, recipient: Recipient | None) -> list[Address]:
    if recipient is not None:
        own = read_named(recipient.address)
        return [own] if own else []
    return [address for text in ses_event.destination if (address := read_named(text))]


def _event(
    received: ReceivedEvent,
    address: Address | None,
    recipient: Recipient | None,
    ruling: Ruling,
    reading: BounceReading | None,
) -> NewEvent:
    ses_event = received.ses_event
    return NewEvent(
        id=new_id(),
        notification_id=received.notification_id,
        recipient_id=recipient.id if recipient else None,
        ses_message_id=ses_event.ses_message_id,
        type=ses_event.kind,
        address=address.email if address else ses_event.recipient,
        key=address.key if address else None,
        domain=address.domain if address else None,
        dedup=fingerprint(ses_event.recipient or "", ses_event.feedback_id, ses_event.occurred_at),
        occurred_at=ses_event.occurred_at,
        mail_sent_at=ses_event.mail_sent_at,
        counts_against=ruling.weight is not None,
        detail=ses_event.detail,
        effect=_in_words(ruling, reading, address),
        data=event_data(ses_event) | _judgement(ruling, reading),
    )


def _judgement(ruling: Ruling, reading: BounceReading | None) -> Json:
    """How the bounce was read, kept beside it: its cause, the rule that decided, and what it counts for."""
    read = {"cause": reading.cause, "rule": reading.rule} if reading else {}
    return {name: value for name, value in (read | {"weight": ruling.weight}).items() if value is not None}


def _in_words(ruling: Ruling, reading: BounceReading | None, address: Address | None) -> str:
    """What the event means; of a domain that does not exist also the one that was probably meant."""
    suggestion = None
    if address is not None and reading is not None and reading.cause is BounceCause.DOMAIN_GONE:
        suggestion = meant(address.domain)
    return f"{ruling.why} Was {suggestion} meant?" if suggestion else ruling.why
