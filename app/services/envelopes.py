"""Make the one message that one recipient gets: open the body, build the MIME, tag the call.

It opens sealed bodies and renders; it decides nothing about whether the mail may leave.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.domain.address import Mailbox, parse_address
from app.domain.mime import Message, render
from app.domain.outcome import Envelope
from app.store.bodies import unpack
from app.store.claims import Mine
from app.store.emails import Email
from app.store.recipients import Recipient
from app.store.sealing import KeyRing, Unsealable

RECIPIENT_TAG, ATTEMPT_TAG = "postern_recipient", "postern_attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail, opened: what it says, and all whom it names, bcc included."""

    email: Email
    message: Message


def open_letters(
    emails: Mapping[UUID, Email], recipients: Mapping[UUID, tuple[Recipient, ...]], key_ring: KeyRing
) -> dict[UUID, Letter | Unsealable]:
    """The letters behind these mails; instead of a letter the reason, where a body cannot be opened."""
    return {email_id: _open(email, recipients[email_id], key_ring) for email_id, email in emails.items()}


def envelope(letter: Letter, mine: Mine) -> Envelope:
    """The call to SES for one recipient. Raises what `render` raises when the message is not safe to send."""
    recipient = mine.recipient
    raw = render(
        letter.message,
        recipient_id=str(recipient.id),
        date=letter.email.created_at,
        message_id=f"{recipient.id}@{letter.message.sender.address.domain}",
    )
    return Envelope(
        sender=letter.message.sender.address.envelope,
        recipient=parse_address(recipient.address).envelope,
        raw=raw,
        tags=((RECIPIENT_TAG, str(recipient.id)), (ATTEMPT_TAG, str(mine.attempt_id))),
    )


def _open(email: Email, recipients: tuple[Recipient, ...], key_ring: KeyRing) -> Letter | Unsealable:
    if email.body is None:
        return Unsealable("the body was erased when its retention ended")
    try:
        body = unpack(key_ring.open(email.body, row_id=email.id))
    except Unsealable as error:
        return error
    return Letter(
        email=email,
        message=Message(
            sender=_mailbox(email.sender_name, email.sender),
            to=_of_kind(recipients, "to"),
            cc=_of_kind(recipients, "cc"),
            reply_to=tuple(_mailbox(name, address) for name, address in email.reply_to),
            subject=email.subject or "",
            text=body.text,
            html=body.html,
            headers=email.headers,
            attachments=body.attachments,
        ),
    )


def _of_kind(recipients: tuple[Recipient, ...], kind: str) -> tuple[Mailbox, ...]:
    return tuple(_mailbox(one.name, one.address) for one in recipients if one.kind == kind)


def _mailbox(name: str | None, address: str) -> Mailbox:
    return Mailbox(name, parse_address(address))
