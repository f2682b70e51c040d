"""Make the message for one recipient: open the body, add the link, build the MIME, tag the call.

This module opens sealed bodies and renders. Whether the email may leave is not decided here.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from app.domain.message.address import Address, Mailbox, parse_address
from app.domain.message.mime import Message, render
from app.domain.message.raw.outgoing import Addressees, outgoing
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.sending.call_outcome import Envelope
from app.domain.suppression.unsubscribe_link import headers, with_link
from app.store.sending.claims import OpenAttempt
from app.store.sending.drafts import Draft, Named
from app.store.submission.body_packing import RawBody, unpack
from app.store.submission.sealing import KeyRing, Unsealable

RECIPIENT_TAG, ATTEMPT_TAG = "postern_recipient", "postern_attempt"


class SealedEmail:
    """One claimed email. Its body is opened when it is first needed, once for all recipients.

    `links` makes the unsubscribe link of a recipient, for emails of a stream that has them.
    """

    def __init__(self, draft: Draft, key_ring: KeyRing, *, links: Callable[[UUID], str]) -> None:
        self._draft = draft
        self._key_ring = key_ring
        self._links = links if draft.has_link else None
        self._opened: Message | RawBody | None = None

    def envelope(self, attempt: OpenAttempt) -> Envelope:
        """The call to SES for one recipient.

        Raises `UnknownSealingKey` when this process lacks the key of the body, `Unsealable` when the body is lost, the
        errors of `render` when the message is not safe to send, and `NoLink` when it cannot carry its link.
        """
        recipient = attempt.recipient
        return Envelope(
            sender=self._sender.envelope,
            recipient=parse_address(recipient.address).envelope,
            raw=self.raw(recipient.id),
            tags=((RECIPIENT_TAG, str(recipient.id)), (ATTEMPT_TAG, str(attempt.attempt_id))),
        )

    @property
    def waits_since(self) -> datetime:
        """When it was accepted, or the time for which it was scheduled."""
        return self._draft.scheduled_at or self._draft.created_at

    def raw(self, recipient_id: UUID) -> bytes:
        """The message for one recipient, the same bytes each time. Raises as `envelope` does."""
        message = self._message()
        url = None if self._links is None else self._links(recipient_id)
        own = () if url is None else headers(url)
        message_id = f"{recipient_id}@{self._sender.domain}"
        date = self._draft.created_at
        if isinstance(message, RawBody):
            return outgoing(
                message.raw,
                recipient_id=str(recipient_id),
                date=date,
                message_id=message_id,
                own_headers=own,
                addressees=_remaining(self._draft.named),
            )
        return render(
            message if url is None else with_link(message, url),
            recipient_id=str(recipient_id),
            date=date,
            message_id=message_id,
            extra_headers=own,
        )

    @property
    def request_id(self) -> UUID | None:
        """The request that brought the email."""
        return self._draft.request_id

    @property
    def _sender(self) -> Address:
        return parse_address(self._draft.sender)

    def _message(self) -> Message | RawBody:
        # Two threads may open it at the same moment. Then either message will do: they are equal.
        if self._opened is None:
            self._opened = _open(self._draft, self._key_ring)
        return self._opened


def _open(draft: Draft, key_ring: KeyRing) -> Message | RawBody:
    if draft.body is None:
        raise Unsealable("the body was erased when its retention ended")
    body = unpack(key_ring.open(draft.body, row_id=draft.id))
    if isinstance(body, RawBody):
        return body
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


def _remaining(named: tuple[Named, ...]) -> Addressees | None:
    """What To and Cc of a raw message may still name, if a person in them was forgotten since it was accepted."""
    if any(one.kind != "bcc" and is_pseudonym(one.key) for one in named):
        return Addressees(to=_of_kind(named, "to"), cc=_of_kind(named, "cc"))
    return None


def _of_kind(named: tuple[Named, ...], kind: str) -> tuple[Mailbox, ...]:
    """The mailboxes of this kind, without people who were forgotten since the email was accepted."""
    known = (one for one in named if one.kind == kind and not is_pseudonym(one.key))
    return tuple(_mailbox(one.name, one.address) for one in known)


def _mailbox(name: str | None, address: str) -> Mailbox:
    return Mailbox(name, parse_address(address))
