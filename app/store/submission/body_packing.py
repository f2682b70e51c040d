"""The body of an email as bytes: text, html and attachments, packed to be sealed, unpacked to be sent.

A JSON head with the lengths, then the contents end to end, so attachments stay as they are.
"""

import json
from dataclasses import dataclass

from app.domain.message.mime import Attachment

_HEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The content of an email."""

    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...] = ()


def pack(body: Body) -> bytes:
    """The body as bytes."""
    text, html = (None if part is None else part.encode() for part in (body.text, body.html))
    head = json.dumps(
        {
            "text": None if text is None else len(text),
            "html": None if html is None else len(html),
            "attachments": [
                [one.filename, one.content_type, one.content_id, len(one.content)] for one in body.attachments
            ],
        }
    ).encode()
    contents = [one.content for one in body.attachments]
    return b"".join([len(head).to_bytes(_HEAD, "big"), head, text or b"", html or b"", *contents])


def unpack(packed: bytes) -> Body:
    """The body that was packed."""
    start = _HEAD + int.from_bytes(packed[:_HEAD], "big")
    head = json.loads(packed[_HEAD:start])
    reader = _Reader(packed, start)
    text, html = (None if head[part] is None else reader.take(head[part]).decode() for part in ("text", "html"))
    attachments = tuple(
        Attachment(filename=filename, content=reader.take(length), content_type=content_type, content_id=content_id)
        for filename, content_type, content_id, length in head["attachments"]
    )
    return Body(text=text, html=html, attachments=attachments)


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position

    def take(self, length: int) -> bytes:
        start, self._position = self._position, self._position + length
        return self._data[start : self._position]
