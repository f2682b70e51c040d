"""An email that SES accepted: its ids, its envelope and its content as the sender gave them.

It also reads headers and makes ids. The checks are in `simulator.ses.send_requests`.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import decode_header, make_header

Headers = tuple[tuple[str, str], ...]

REGION_CODES = {
    "us-east-1": "0100",
    "us-west-2": "0101",
    "eu-west-1": "0102",
    "eu-central-1": "0107",
    "ap-northeast-1": "0106",
}

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedEmail:
    """One accepted email. `recipients` are bare addresses as given, `sender` may carry a display name.

    `raw` is the MIME message, empty for a simple email, whose bodies are `text` and `html`. `rendering_error` says why
    a template could not be filled in; such an email is accepted and never delivered.
    """

    ses_message_id: str
    accepted_at: datetime
    operation: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    headers: Headers
    tags: dict[str, str]
    configuration_set: str | None
    source_ip: str
    caller: str
    raw: bytes = b""
    text: str | None = None
    html: str | None = None
    rendering_error: str | None = None

    def body_sha256(self) -> str:
        """Return the digest of the MIME message, or of the text and HTML of a simple email joined by NUL."""
        return hashlib.sha256(self.raw or f"{self.text or ''}\0{self.html or ''}".encode()).hexdigest()

    def size(self) -> int:
        """Return the approximate size of the content in bytes."""
        return len(self.raw) + len(self.text or "") + len(self.html or "")


def new_ses_id(region: str, moment: datetime) -> str:
    """Return a new id in SES's form, used for messages and for feedback."""
    milliseconds = int(moment.timestamp() * 1000)
    dice = os.urandom(16).hex()
    random = f"{dice[:8]}-{dice[8:12]}-{dice[12:16]}-{dice[16:20]}-{dice[20:]}"
    return f"{REGION_CODES.get(region, '0110')}{milliseconds:012x}-{random}-000000"


def read_headers(raw: bytes) -> Headers:
    """Return the header fields of a MIME message, unfolded, in order, still encoded as received."""
    end = _END_OF_HEADERS.search(raw)
    block = raw[: end.start()] if end else raw
    text = _FOLD.sub("", block.decode("utf-8", "replace"))
    fields = []
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name, value.strip()))
    return tuple(fields)


def header(headers: Headers, name: str) -> str | None:
    """Return the first value of a field; its name is case-insensitive."""
    wanted = name.lower()
    return next((value for field, value in headers if field.lower() == wanted), None)


def readable(value: str) -> str:
    """Return a header value with its encoded-words decoded, or unchanged when they cannot be."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value
