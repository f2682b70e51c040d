"""What an email has in both versions of the API: texts, recipients and tags; and the `Message` that is made of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Final

from pydantic import Field

from app.domain.message.address import Mailbox
from app.domain.message.attachments import Attachment
from app.domain.message.mime import Message
from app.web.ses.fields import LISTED, MailboxesField, SesObject, TagField

MAX_TAGS: Final = 50
Pairs = tuple[tuple[str, str], ...]


class Text(SesObject):
    """A text. `Charset` says how SES would write it; Postern writes UTF-8, which has every character."""

    data: str
    charset: str | None = None


class Body(SesObject):
    """The content for readers."""

    text: Text | None = None
    html: Text | None = None


class Destination(SesObject):
    """The recipients."""

    to_addresses: MailboxesField = ()
    cc_addresses: MailboxesField = ()
    bcc_addresses: MailboxesField = ()


class Tag(SesObject):
    """A label, to find emails by."""

    name: TagField
    value: TagField


Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS), LISTED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The content of an email, without its addresses."""

    subject: str
    text: str | None
    html: str | None
    headers: Pairs = ()
    attachments: tuple[Attachment, ...] = ()

    def message(self, sender: Mailbox, destination: Destination, reply_to: tuple[Mailbox, ...]) -> Message:
        """The email with these addresses. Those of Bcc are no part of it."""
        return Message(
            sender=sender,
            to=destination.to_addresses,
            cc=destination.cc_addresses,
            reply_to=reply_to,
            subject=self.subject,
            text=self.text,
            html=self.html,
            headers=self.headers,
            attachments=self.attachments,
        )

    def with_headers(self, headers: Pairs) -> "Parts":
        """The same with these headers; each takes the place of one of its name."""
        named = {name.lower(): (name, value) for name, value in (*self.headers, *headers)}
        return replace(self, headers=tuple(named.values()))


def data_of(text: Text | None) -> str | None:
    """The text itself."""
    return text.data if text else None


def addresses_of(*lists: Iterable[Mailbox]) -> tuple[str, ...] | None:
    """The addresses of these recipients, without their names; None where there is none."""
    return tuple(mailbox.address.email for mailboxes in lists for mailbox in mailboxes) or None


def tags_of(*lists: Iterable[Tag]) -> Pairs:
    """The tags of an email: those of later lists take the place of earlier ones with the same name."""
    return tuple({tag.name: tag.value for tags in lists for tag in tags}.items())
