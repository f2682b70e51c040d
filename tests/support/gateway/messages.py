"""One invitation for the tests of mails: as it is, as it is rendered, and as the email package reads it."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

from app.domain.address import parse_mailbox
from app.domain.mime import Attachment, Message, render

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
    """The bytes of `message` for one recipient at one moment."""
    return render(
        message,
        recipient_id=RECIPIENT,
        date=datetime(2026, 3, 7, 12, 30, tzinfo=UTC),
        message_id="01920000@mail.example.com",
        extra_headers=extra_headers,
    )


def read(raw: bytes) -> EmailMessage:
    """`raw` as the email package reads it."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not any(part.defects for part in mail.walk())
    return mail


def shape(mail: EmailMessage) -> list[str]:
    """The content types of a mail and its parts, in reading order."""
    return [part.get_content_type() for part in mail.walk()]


def content(mail: EmailMessage, kind: str) -> str:
    """The text of a body as its reader sees it."""
    part = mail.get_body((kind,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text


def with_crlf(text: str) -> str:
    """`text` with the one change that a mail makes to it."""
    return "\r\n".join(re.split("\r\n|\r|\n", text))
