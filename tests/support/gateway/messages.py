"""One invitation for tests of MIME: as a message, as rendered, and as parsed by the email package."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

from app.domain.message.mailboxes import parse_mailbox
from app.domain.message.mime import Attachment, Message, render

RECIPIENT = "01920000-0000-7000-8000-00000000000a"
PNG = Attachment(filename="logo.png", content=bytes(range(256)), content_type=None, content_id="logo")
PDF = Attachment(filename="offer.pdf", content=b"%PDF" * 100, content_type=None, content_id=None)
INVITATION = Message(
    sender=parse_mailbox("Postern Invitations <invitations@example.com>"),
    to=(parse_mailbox('"Lee, Ann" <Ann.Lee@example.org>'), parse_mailbox("ben@bücher.example")),
    cc=(parse_mailbox("Zoë <zoe@example.org>"),),
    reply_to=(parse_mailbox("help@example.com"),),
    subject="You are invited",
    text="Hello",
    html="<p>Hello</p>",
    headers=(),
    attachments=(),
)


def rendered(message: Message, *, extra_headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return the bytes of `message` for one recipient at a fixed time."""
    return render(
        message,
        recipient_id=RECIPIENT,
        date=datetime(2026, 3, 7, 12, 30, tzinfo=UTC),
        message_id="01920000@mail.example.com",
        extra_headers=extra_headers,
    )


def read(raw: bytes) -> EmailMessage:
    """Return `raw` as parsed by the email package."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    return message


def shape(message: EmailMessage) -> list[str]:
    """Return the content types of an email and its parts, in reading order."""
    return [part.get_content_type() for part in message.walk()]


def content(message: EmailMessage, kind: str) -> str:
    """Return the text of a body as its reader sees it."""
    part = message.get_body((kind,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text


def with_crlf(text: str) -> str:
    """Return `text` with CRLF line ends, the only change that an email makes to it."""
    return "\r\n".join(re.split("\r\n|\r|\n", text))
