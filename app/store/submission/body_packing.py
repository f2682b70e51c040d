"""The body of an email as bytes, packed to be sealed, unpacked to be sent: its texts and files, or a raw message.

A JSON head with the lengths, then the contents end to end, so attachments and raw messages stay as they are.
"""

import json
from dataclasses import dataclass
from typing import Any

from app.domain.message.mime import Attachment

_HEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The content of an email."""

    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class RawBody:
    """A whole message as a client wrote it."""

    raw: bytes


def pack(body: Body | RawBody) -> bytes:
    """The body as bytes."""
    if isinstance(body, RawBody):
        return _packed({"raw": len(body.raw)}, body.raw)
    text, html = (None if part is None else part.encode() for part in (body.text, body.html))
    head = {
        "text": None if text is None else len(text),
        "html": None if html is None else len(html),
        "attachments": [[one.filename, one.content_type, one.content_id, len(one.content)] for one in body.attachments],
    }
    return _packed(head, text or b"", html or b"", *(one.content for one in body.attachments))


def unpack(packed: bytes) -> Body | RawBody:
    """The body that was packed."""
    start = _HEAD + int.from_bytes(packed[:_HEAD], "big")
    head = json.loads(packed[_HEAD:start])
    reader = _Reader(packed, start)
    if "raw" in head:
        return RawBody(reader.take(head["raw"]))
    text, html = (None if head[part] is None else reader.take(head[part]).decode() for part in ("text", "html"))
    attachments = tuple(
        Attachment(filename=filename, content=reader.take(length), content_type=content_type, content_id=content_id)
        for filename, content_type, content_id, length in head["attachments"]
    )
    return Body(text=text, html=html, attachments=attachments)


def _packed(head: dict[str, Any], *contents: bytes) -> bytes:
    written = json.dumps(head).encode()
    return b"".join([len(written).to_bytes(_HEAD, "big"), written, *contents])


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position

    def take(self, length: int) -> bytes:
        start, self._position = self._position, self._position + length
        return self._data[start : self._position]
