"""An email as it is sent: the rules that it has to keep, and its bytes.

It decides the rules for a whole email and its MIME structure. It writes every octet itself, since crafted input can
make CPython's email package write headers of the sender's choosing. It never writes a Bcc.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime

from app.domain.errors import Fault
from app.domain.message import encoding
from app.domain.message.address import Mailbox
from app.domain.message.attachments import Attachment, check_attachments, check_file_names
from app.domain.message.headers import ADDRESS_LISTS, ID_LISTS, check_header_kinds, check_headers
from app.domain.message.mailboxes import parse_mailboxes
from app.domain.message.mime_parts import Field, Part, file_part, group, plain_field, text_part
from app.domain.message.mime_scan import UnsafeMessage, require_exactly
from app.domain.message.text_rules import Rule, broken_text_rule, detail_of

__all__ = ["Attachment", "Message", "UnsafeMessage", "check_message", "render"]

SUBJECT_LIMIT = encoding.LINE_LIMIT - len("Subject: ")
TRAVEL_LIMIT = 40 * 1024 * 1024
"""Octets of the whole message as it travels to SES, which is in base64: its files are in base64 twice.

https://docs.aws.amazon.com/ses/latest/dg/quotas.html says 40 MB after base64. SES counts that as 40 * 2^20, as its
refusal of version 1 shows: "more than 10485760 bytes long" for 10 MB.
"""

RAW_LIMIT = TRAVEL_LIMIT // 4 * 3
"""Octets of the whole message before it is in base64 for SES."""

ROOM = 32 * 1024
"""For what is added later: ids, dates and unsubscribe links, in the headers and in up to ten places of each body."""

_BOUNDARY_LINES = 256

# SES refuses an email without a To, and takes this empty group for one.
_UNDISCLOSED = plain_field("To", "undisclosed-recipients:;")
_AUTOMATIC = ("Auto-Submitted", "auto-generated")

_RECIPIENT_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_RECIPIENT_ID_LIMIT = 48  # leaves a boundary within its 70 octets (RFC 2046 section 5.1.1)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}@[A-Za-z0-9.-]{1,255}")


class MessageRule(Rule):
    """What an email as a whole has to be."""

    SUBJECT_TOO_LONG = "subject_too_long", f"A subject has at most {SUBJECT_LIMIT} characters."
    BODY_MISSING = "body_missing", "An email has a text, an HTML body, or both."
    EMPTY = "email_empty", "The email is empty: it has no subject, no text, no HTML and no attachment."
    BODY_CHARACTER = "body_character", "A body holds no NUL characters and no lone surrogates."
    TOO_LARGE = "message_too_large", f"An email has at most {TRAVEL_LIMIT} octets as it travels to SES, in base64."


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One email as its readers see it: the same for each recipient, and without the Bcc recipients."""

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

    Addresses and names are not checked here: a `Mailbox` cannot break their rules.
    """
    return _check_form(message) or _check_sense(message) or _check_size(message)


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
    application's stays. Raises `UnsafeMessage` for a message that `check_message` faults, for one that is larger than
    SES takes, and whenever the bytes, read again, hold any header field that was not meant.
    """
    if faults := _check_form(message):
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
    if len(raw) > RAW_LIMIT:
        raise UnsafeMessage("a message that is larger than SES takes")
    require_exactly(raw, whole.blocks)
    return raw


def _check_form(message: Message) -> tuple[Fault, ...]:
    """Every rule that the message breaks, except the one for its size."""
    return (
        *_check_subject(message.subject),
        *_check_bodies(message),
        *check_headers(message.headers),
        *check_attachments(message.attachments),
    )


def _check_sense(message: Message) -> tuple[Fault, ...]:
    """The rules that keep an application from a mistake. An email that was accepted before one was made is sent."""
    content = (message.subject, message.text, message.html)
    if not message.attachments and not any(one and one.strip() for one in content):
        return (MessageRule.EMPTY.fault("/text"),)
    return (*check_header_kinds(message.headers), *check_file_names(message.attachments))


def _check_subject(subject: str) -> tuple[Fault, ...]:
    broken: Rule | None = broken_text_rule(subject)
    if broken is None and len(subject) > SUBJECT_LIMIT:
        broken = MessageRule.SUBJECT_TOO_LONG
    return (broken.fault("/subject", detail_of(broken, subject)),) if broken else ()


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
    if _is_small(message):
        return ()
    size = _size_bound(message)
    if size <= RAW_LIMIT:
        return ()
    detail = (
        f"The email has {_mib(-(-size // 3) * 4)} as it travels to SES, which counts it in base64; at most "
        f"{_mib(TRAVEL_LIMIT)} are taken. That is some {RAW_LIMIT * 57 // 78 // 2**20} MiB of files."
    )
    return (Fault("/attachments" if message.attachments else "/text", MessageRule.TOO_LARGE.value, detail),)


def _is_small(message: Message) -> bool:
    """Whether it cannot come near the bound, however it is encoded. Nearly every email is, and nothing is counted."""
    files = sum(2 * len(attachment.content) + 8192 for attachment in message.attachments)
    texts = sum(4 * len(body.encode()) for body in (message.text, message.html) if body)
    return files + texts < RAW_LIMIT // 2


def _size_bound(message: Message) -> int:
    """The most octets that `render` makes of it, for any recipient."""
    texts = sum(encoding.text_bound(body) for body in (message.text, message.html) if body)
    return texts + sum(map(_file_size, message.attachments)) + _header_size(message) + ROOM


def _file_size(attachment: Attachment) -> int:
    empty = file_part(replace(attachment, content=b""), disposition="attachment")
    return len(empty.serialise()) + _BOUNDARY_LINES + encoding.base64_size(len(attachment.content))


def _header_size(message: Message) -> int:
    fields = (
        *_address_fields(message),
        plain_field("Subject", message.subject),
        *_other_fields(message.headers, ()),
    )
    return sum(len(written) for _, written in fields)


def _mib(octets: int) -> str:
    return f"{octets / 2**20:.1f} MiB"


def _address_fields(message: Message) -> list[Field]:
    lists = (("From", (message.sender,)), ("To", message.to), ("Cc", message.cc), ("Reply-To", message.reply_to))
    fields = [
        (name, encoding.address_field(name, [(mailbox.name, mailbox.address.envelope) for mailbox in mailboxes]))
        for name, mailboxes in lists
        if mailboxes
    ]
    return fields if message.to else [*fields, _UNDISCLOSED]


def _other_fields(own: tuple[tuple[str, str], ...], extra: tuple[tuple[str, str], ...]) -> list[Field]:
    """The application's headers; those of the gateway that it did not set; and RFC 3834's `Auto-Submitted`."""
    fields = {name.lower(): (name, value) for name, value in (_AUTOMATIC, *extra)}
    fields |= {name.lower(): (name, value) for name, value in own}
    return [_custom_field(name, value) for name, value in fields.values()]


def _custom_field(name: str, value: str) -> Field:
    """A header of the application, folded where it is a long list; addresses never end up in encoded-words."""
    kind = name.lower()
    if kind in ADDRESS_LISTS and not check_header_kinds(((name, value),)):
        mailboxes = [(mailbox.name, mailbox.address.envelope) for mailbox in parse_mailboxes(value)]
        return name, encoding.address_field(name, mailboxes)
    if kind in ID_LISTS and len(value) > encoding.LINE_LIMIT - len(name) - len(": "):
        return name, encoding.folded_field(name, value.split(" "))
    return plain_field(name, value)


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
