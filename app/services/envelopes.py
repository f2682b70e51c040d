"""Make the one message that one recipient gets: open the body, put in the link, build the MIME, tag the call.

It opens sealed bodies and renders; it decides nothing about whether the mail may leave.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.domain.address import Mailbox, parse_address
from app.domain.mime import Message, render
from app.domain.outcome import Envelope
from app.domain.pseudonym import is_pseudonym
from app.domain.unsubscribe import headers, with_link
from app.services.links import Links
from app.store.bodies import unpack
from app.store.claims import Mine
from app.store.emails import Email
from app.store.recipients import Recipient
from app.store.sealing import KeyRing, Unsealable

RECIPIENT_TAG, ATTEMPT_TAG = "postern_recipient", "postern_attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail, opened: what it says, and all whom it names, bcc included.

    `links` makes the unsubscribe link of each recipient; None where the stream has none.
    """

    email: Email
    message: Message
    links: Links | None = None


def open_letters(
    emails: Mapping[UUID, Email],
    recipients: Mapping[UUID, tuple[Recipient, ...]],
    key_ring: KeyRing,
    *,
    links: Links | None = None,
    linked: Collection[tuple[UUID, str]] = (),
) -> dict[UUID, Letter | Unsealable]:
    """The letters behind these mails; instead of a letter the reason, where a body cannot be opened.

    Mail of the streams `linked`, as (application, name), carries `links`.
    """
    return {
        email_id: _open(
            email, recipients[email_id], key_ring, links=links if (email.app_id, email.stream) in linked else None
        )
        for email_id, email in emails.items()
    }


def envelope(letter: Letter, mine: Mine) -> Envelope:
    """The call to SES for one recipient.

    Raises what `render` raises when the message is not safe to send, and `NoLink` when it cannot carry its link.
    """
    recipient = mine.recipient
    message = letter.message
    own: tuple[tuple[str, str], ...] = ()
    if letter.links is not None:
        url = letter.links(recipient.id)
        message, own = with_link(message, url), headers(url)
    raw = render(
        message,
        recipient_id=str(recipient.id),
        date=letter.email.created_at,
        message_id=f"{recipient.id}@{message.sender.address.domain}",
        extra_headers=own,
    )
    return Envelope(
        sender=message.sender.address.envelope,
        recipient=parse_address(recipient.address).envelope,
        raw=raw,
        tags=((RECIPIENT_TAG, str(recipient.id)), (ATTEMPT_TAG, str(mine.attempt_id))),
    )


def _open(
    email: Email, recipients: tuple[Recipient, ...], key_ring: KeyRing, *, links: Links | None
) -> Letter | Unsealable:
    if email.body is None:
        return Unsealable("the body was erased when its retention ended")
    try:
        body = unpack(key_ring.open(email.body, row_id=email.id))
    except Unsealable as error:
        return error
    return Letter(
        email=email,
        links=links,
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
    """Whom the mail names, but for those who were forgotten since it was taken in."""
    named = (one for one in recipients if one.kind == kind and not is_pseudonym(one.key))
    return tuple(_mailbox(one.name, one.address) for one in named)


def _mailbox(name: str | None, address: str) -> Mailbox:
    return Mailbox(name, parse_address(address))
