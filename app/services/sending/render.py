"""Make the one message that one recipient gets: open the body, put in the link, build the MIME, tag the call.

It opens sealed bodies and renders; it decides nothing about whether the mail may leave.
"""

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


class Letter:
    """One claimed mail, sealed until somebody needs what it says; it is opened once, and not for each recipient.

    `links` makes the unsubscribe links of a mail whose stream has them.
    """

    def __init__(self, draft: Draft, key_ring: KeyRing, *, links: Links) -> None:
        self._draft = draft
        self._key_ring = key_ring
        self._links = links if draft.has_link else None
        self._opened: Message | None = None

    def envelope(self, mine: Mine) -> Envelope:
        """The call to SES for one of its recipients.

        Raises `Unsealable` when the body cannot be opened, what `render` raises when the message is not safe to send,
        and `NoLink` when it cannot carry its link.
        """
        recipient = mine.recipient
        message = self._message()
        own: tuple[tuple[str, str], ...] = ()
        if self._links is not None:
            url = self._links(recipient.id)
            message, own = with_link(message, url), headers(url)
        recipient_id = str(recipient.id)
        raw = render(
            message,
            recipient_id=recipient_id,
            date=self._draft.created_at,
            message_id=f"{recipient_id}@{message.sender.address.domain}",
            extra_headers=own,
        )
        return Envelope(
            sender=message.sender.address.envelope,
            recipient=parse_address(recipient.address).envelope,
            raw=raw,
            tags=((RECIPIENT_TAG, recipient_id), (ATTEMPT_TAG, str(mine.attempt_id))),
        )

    def _message(self) -> Message:
        # Two threads may open it at the same moment, and then either message will do: they are alike.
        if self._opened is None:
            self._opened = _open(self._draft, self._key_ring)
        return self._opened


def _open(draft: Draft, key_ring: KeyRing) -> Message:
    if draft.body is None:
        raise Unsealable("the body was erased when its retention ended")
    body = unpack(key_ring.open(draft.body, row_id=draft.id))
    return Message(
        sender=_mailbox(draft.sender_name, draft.sender),
        to=_of_kind(draft.named, "to"),
        cc=_of_kind(draft.named, "cc"),
        reply_to=tuple(_mailbox(name, address) for name, address in draft.reply_to),
        subject=draft.subject or "",
        text=body.text,
        html=body.html,
        headers=draft.headers,
        attachments=body.attachments,
    )


def _of_kind(named: tuple[Named, ...], kind: str) -> tuple[Mailbox, ...]:
    """Whom the mail names, but for those who were forgotten since it was taken in."""
    known = (one for one in named if one.kind == kind and not is_pseudonym(one.key))
    return tuple(_mailbox(one.name, one.address) for one in known)


def _mailbox(name: str | None, address: str) -> Mailbox:
    return Mailbox(name, parse_address(address))
