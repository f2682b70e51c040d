"""Make the one message that one recipient gets: open the body, put in the link, build the MIME, tag the call.

It opens sealed bodies and renders; it decides nothing about whether the mail may leave.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.address import Mailbox, parse_address
from app.domain.mime import Message, render
from app.domain.outcome import Envelope
from app.domain.pseudonym import is_pseudonym
from app.domain.unsubscribe import headers, with_link
from app.services.links import Links
from app.store.bodies import unpack
from app.store.claims import Mine
from app.store.letters import Draft, Named
from app.store.sealing import KeyRing, Unsealable

RECIPIENT_TAG, ATTEMPT_TAG = "postern_recipient", "postern_attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail, opened: what it says, and all whom it names, bcc included.

    `links` makes the unsubscribe link of each recipient; None where the stream has none.
    """

    created_at: datetime
    message: Message
    links: Links | None = None


def open_letters(drafts: Iterable[Draft], key_ring: KeyRing, *, links: Links) -> dict[UUID, Letter | Unsealable]:
    """The letters of these mails, by the mail's id; instead of a letter the reason, where a body cannot be opened."""
    return {draft.id: _open(draft, key_ring, links=links if draft.has_link else None) for draft in drafts}


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
        date=letter.created_at,
        message_id=f"{recipient.id}@{message.sender.address.domain}",
        extra_headers=own,
    )
    return Envelope(
        sender=message.sender.address.envelope,
        recipient=parse_address(recipient.address).envelope,
        raw=raw,
        tags=((RECIPIENT_TAG, str(recipient.id)), (ATTEMPT_TAG, str(mine.attempt_id))),
    )


def _open(draft: Draft, key_ring: KeyRing, *, links: Links | None) -> Letter | Unsealable:
    if draft.body is None:
        return Unsealable("the body was erased when its retention ended")
    try:
        body = unpack(key_ring.open(draft.body, row_id=draft.id))
    except Unsealable as error:
        return error
    return Letter(
        created_at=draft.created_at,
        links=links,
        message=Message(
            sender=_mailbox(draft.sender_name, draft.sender),
            to=_of_kind(draft.named, "to"),
            cc=_of_kind(draft.named, "cc"),
            reply_to=tuple(_mailbox(name, address) for name, address in draft.reply_to),
            subject=draft.subject or "",
            text=body.text,
            html=body.html,
            headers=draft.headers,
            attachments=body.attachments,
        ),
    )


def _of_kind(named: tuple[Named, ...], kind: str) -> tuple[Mailbox, ...]:
    """Whom the mail names, but for those who were forgotten since it was taken in."""
    known = (one for one in named if one.kind == kind and not is_pseudonym(one.key))
    return tuple(_mailbox(one.name, one.address) for one in known)


def _mailbox(name: str | None, address: str) -> Mailbox:
    return Mailbox(name, parse_address(address))
