"""A mail as it is sent: what makes one fit to be sent, and its bytes.

It decides the rules of a whole mail and the shape of its MIME. It writes every octet itself, since CPython's email
package can be led to write headers of a sender's choosing, and never writes a Bcc.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from app.domain import encoding
from app.domain.address import Mailbox
from app.domain.attachments import Attachment, check_attachments
from app.domain.errors import Fault
from app.domain.headers import check_headers
from app.domain.parts import Field, Part, file_part, group, plain_field, text_part
from app.domain.rules import Rule, broken_text_rule
from app.domain.scan import UnsafeMessage, require_exactly

__all__ = ["Attachment", "Message", "UnsafeMessage", "check_message", "render"]

SUBJECT_LIMIT = encoding.LINE_LIMIT - len("Subject: ")
MESSAGE_LIMIT = 40 * 1024 * 1024
"""Octets of texts and files together after encoding (SES: 40 MB after base64)."""

# SES refuses a mail without a To, and takes this empty group for one.
_NOBODY_NAMED = plain_field("To", "undisclosed-recipients:;")
_AUTOMATIC = ("Auto-Submitted", "auto-generated")

_RECIPIENT_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_RECIPIENT_ID_LIMIT = 48  # leaves a boundary within its 70 octets (RFC 2046 section 5.1.1)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}@[A-Za-z0-9.-]{1,255}")


class MessageRule(Rule):
    """What a mail as a whole has to be."""

    SUBJECT_TOO_LONG = "subject_too_long", f"A subject has at most {SUBJECT_LIMIT} characters."
    BODY_MISSING = "body_missing", "A mail has a text, an HTML body, or both."
    BODY_CHARACTER = "body_character", "A body holds no NUL characters and no lone surrogates."
    TOO_LARGE = "message_too_large", f"Bodies and attachments have together at most {MESSAGE_LIMIT} octets encoded."


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail as its readers see it: the same for each recipient, and without those in Bcc."""

    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    subject: str
    text: str | None
    html: str | None
    headers: tuple[tuple[str, str], ...]
    attachments: tuple[Attachment, ...]


def check_message(message: Message) -> tuple[Fault, ...]:
    """Every rule that `message` breaks, with pointers in the API's field names; none means that it can be rendered.

    Addresses and names are not looked at: no `Mailbox` exists that breaks their rules.
    """
    faults = (
        *_check_subject(message.subject),
        *_check_bodies(message),
        *check_headers(message.headers),
        *check_attachments(message.attachments),
    )
    return faults or _check_size(message)


def render(
    message: Message,
    *,
    recipient_id: str,
    date: datetime,
    message_id: str,
    extra_headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The message as SES gets it for one recipient: 7-bit lines that end in CRLF, the same bytes for the same input.

    `recipient_id` is letters, digits and single hyphens (a UUID); `date` is aware; `message_id` is what stands between
    the angle brackets. `extra_headers` are the gateway's own; where the application set a header of that name, the
    application's stays. Raises `UnsafeMessage` for a message that `check_message` faults, and whenever the bytes,
    read again, hold any header field that was not meant.
    """
    if faults := check_message(message):
        raise UnsafeMessage(faults[0].detail)
    if len(recipient_id) > _RECIPIENT_ID_LIMIT or not _RECIPIENT_ID.fullmatch(recipient_id):
        raise UnsafeMessage("a recipient id that cannot stand in a header")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise UnsafeMessage("a message id that cannot stand in a header")
    content = _content(message, recipient_id)
    fields = (
        *_address_fields(message),
        plain_field("Subject", message.subject),
        plain_field("Date", format_datetime(date)),
        plain_field("Message-ID", f"<{message_id}>"),
        plain_field("X-Postern-Recipient", recipient_id),
        *_other_fields(message.headers, extra_headers),
        plain_field("MIME-Version", "1.0"),
        *content.fields,
    )
    if len({name.lower() for name, _ in fields}) < len(fields):
        raise UnsafeMessage("a header field is there twice")
    whole = Part(fields, content.body + b"\r\n", content.inner)
    raw = whole.serialise()
    require_exactly(raw, whole.blocks)
    return raw


def _check_subject(subject: str) -> tuple[Fault, ...]:
    broken: Rule | None = broken_text_rule(subject)
    if broken is None and len(subject) > SUBJECT_LIMIT:
        broken = MessageRule.SUBJECT_TOO_LONG
    return (broken.fault("/subject"),) if broken else ()


def _check_bodies(message: Message) -> tuple[Fault, ...]:
    bodies = [(name, body) for name, body in (("text", message.text), ("html", message.html)) if body is not None]
    if not bodies:
        return (MessageRule.BODY_MISSING.fault("/text"),)
    return tuple(MessageRule.BODY_CHARACTER.fault(f"/{name}") for name, body in bodies if not _can_be_a_body(body))


def _can_be_a_body(body: str) -> bool:
    try:
        return b"\0" not in body.encode()
    except UnicodeEncodeError:
        return False


def _check_size(message: Message) -> tuple[Fault, ...]:
    files = sum(encoding.base64_size(len(attachment.content)) for attachment in message.attachments)
    texts = sum(encoding.base64_size(len(body.encode())) for body in (message.text, message.html) if body)
    return (MessageRule.TOO_LARGE.fault("/attachments"),) if files + texts > MESSAGE_LIMIT else ()


def _address_fields(message: Message) -> list[Field]:
    lists = (("From", (message.sender,)), ("To", message.to), ("Cc", message.cc), ("Reply-To", message.reply_to))
    fields = [
        (name, encoding.address_field(name, [(mailbox.name, mailbox.address.envelope) for mailbox in mailboxes]))
        for name, mailboxes in lists
        if mailboxes
    ]
    return fields if message.to else [*fields, _NOBODY_NAMED]


def _other_fields(own: tuple[tuple[str, str], ...], extra: tuple[tuple[str, str], ...]) -> list[Field]:
    """The application's headers, the gateway's where it set none of that name, and RFC 3834's mark of a machine."""
    fields = {name.lower(): (name, value) for name, value in (_AUTOMATIC, *extra)}
    fields |= {name.lower(): (name, value) for name, value in own}
    return [plain_field(name, value) for name, value in fields.values()]


def _content(message: Message, token: str) -> Part:
    """The body: related around the HTML and its images, alternative around text and HTML, mixed around files."""
    inline, attached = [], []
    for attachment in message.attachments:
        if attachment.content_id is not None and message.html:
            inline.append(file_part(attachment, disposition="inline"))
        else:
            attached.append(file_part(attachment, disposition="attachment"))
    alternatives = []
    if message.text or not message.html:
        alternatives.append(text_part("plain", message.text or ""))
    if message.html:
        alternatives.append(group("related", [text_part("html", message.html), *inline], token=token))
    content = group("alternative", alternatives, token=token)
    return group("mixed", [content, *attached], token=token)
