"""A raw message as people are shown it: its texts, its files, and the fields that say more. It never fails.

It decides which part is the text, and reads it; a part that cannot be read is named among the files.
"""

import binascii
from dataclasses import dataclass
from typing import Final

from app.domain.message.attachments import file_name
from app.domain.message.raw.encoded_words import decoded, in_charset
from app.domain.message.raw.fields import split
from app.domain.message.raw.parts import Part, parts_of
from app.domain.message.raw.rules import InvalidRaw

_SHOWN_ELSEWHERE: Final = frozenset(["from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version"])
_TEXTS: Final = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A part that is not shown as text: its name, its type, and its size in bytes."""

    name: str
    media: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown of a message."""

    text: str | None = None
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[ShownFile, ...] = ()


def shown(raw: bytes) -> Shown:
    """What is shown of a message that was accepted; nothing of one that cannot be read any more."""
    try:
        fields, _ = split(raw)
        parts = tuple(parts_of(raw))
    except InvalidRaw:
        return Shown()
    texts: dict[str, str] = {}
    files = []
    for number, part in enumerate(parts, 1):
        content = _octets(raw, part)
        text = in_charset(content, part.charset) if content is not None and _may_be_shown(part, texts) else None
        if text is None:
            files.append(_file(number, part, content))
        else:
            texts[part.kind] = text.replace("\r\n", "\n")
    return Shown(
        text=texts.get("text/plain"),
        html=texts.get("text/html"),
        headers=tuple(
            (field.name, decoded(field.value))
            for field in fields
            if field.kind not in _SHOWN_ELSEWHERE and not field.kind.startswith("content-")
        ),
        files=tuple(files),
    )


def _may_be_shown(part: Part, texts: dict[str, str]) -> bool:
    return part.kind in _TEXTS and part.kind not in texts and not part.is_attached and part.filename is None


def _file(number: int, part: Part, content: bytes | None) -> ShownFile:
    name = file_name(part.filename, content_type=part.kind, number=number)
    if content is None or (part.kind in _TEXTS and in_charset(b"", part.charset) is None):
        return ShownFile(name, f"{part.kind} (cannot be read)", part.end - part.start)
    return ShownFile(name, part.kind, len(content))


def _octets(raw: bytes, part: Part) -> bytes | None:
    """The content of the part; None if its encoding is unknown or broken."""
    written = raw[part.start : part.end]
    match part.encoding:
        case "7bit" | "8bit" | "binary" | "":
            return written
        case "quoted-printable":
            return binascii.a2b_qp(written)
        case "base64":
            try:
                return binascii.a2b_base64(written)
            except binascii.Error:
                return None
    return None
