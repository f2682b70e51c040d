"""Count the structure of a JSON text before any object is built from it, and shrink files written as lists of numbers.

This module decides how many keys, containers and values a body may hold, and that only the content of attachments may
be large: a byte of text becomes at most four bytes of memory, while a value of two bytes becomes thirty.
`app.web.http.strict_json` decides whether the text is JSON.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from app.domain.errors import MalformedRequest, PayloadTooLarge

MAX_STRUCTURE: Final = 2_000
"""The most keys, objects and arrays in one body, with at most twice as many other values in its lists."""

MAX_TEXT: Final = 20_000_000
"""The most bytes in a body besides the content of its attachments."""

_TOKENS: Final = 8
_SMALL: Final = 4_096
_AT_ONCE: Final = 1_000_000
# `content` is a file of the API; `RawContent` and `Data` are a file and a message of the SES API. No branch backtracks,
# even in an unterminated string, so the scan is linear on any text.
_TOKEN: Final = re.compile(
    rb'(?P<content>"(?:content|RawContent|Data)"\s*+:\s*+)(?:"[A-Za-z0-9+/=\\]*+"|\[(?P<numbers>[0-9,\s]*+)\])'
    rb'|"(?:[^"\\]++|\\.)*+"?|(?P<opens>[\[{:])|[,\]}]',
    re.DOTALL,
)


def compacted(raw: bytes, structure: int) -> bytes:
    """`raw` with each long `content` that is a list of byte values written as base64.

    Raises `MalformedRequest` when `raw` has more than `structure` keys, objects and arrays, or far more values, and
    `PayloadTooLarge` when it has more than `MAX_TEXT` bytes besides content.
    """
    if len(raw) <= MAX_TEXT and not _may_have_more(raw, structure):
        return raw
    pieces: list[bytes] = []
    copied = content = 0
    for match in _counted(raw, structure):
        content += match.end() - match.end("content")
        numbers = match["numbers"]
        if numbers is not None and len(numbers) > _SMALL:
            pieces += (raw[copied : match.end("content")], b'"', b64encode(_bytes_of(numbers)), b'"')
            copied = match.end()
    if len(raw) - content > MAX_TEXT:
        raise PayloadTooLarge(f"The body has more than {MAX_TEXT} bytes besides the content of attachments.")
    return b"".join((*pieces, raw[copied:])) if pieces else raw


def _may_have_more(raw: bytes, structure: int) -> bool:
    """Whether an exact count is needed. This cheap count also counts characters within strings."""
    return sum(raw.count(mark) for mark in (b"{", b"[", b":", b",", b'"')) > structure


def _counted(raw: bytes, structure: int) -> "Iterator[re.Match[bytes]]":
    """The matches of attachments' contents in `raw`. Raises `MalformedRequest` once it has too much structure."""
    opened = 0
    for number, match in enumerate(_TOKEN.finditer(raw)):
        if match["content"] is not None:
            opened += 2 if match["numbers"] is not None else 1
            yield match
        elif match["opens"] is not None:
            opened += 1
        if opened > structure:
            raise MalformedRequest(f"The body has more than {structure} keys, objects and arrays.")
        if number > _TOKENS * structure:
            raise MalformedRequest("The body has too many values.")


def _bytes_of(numbers: bytes) -> bytes:
    """The bytes that these numbers stand for, read in parts: one list of all would take eight bytes for each."""
    read, start = bytearray(), 0
    try:
        while start <= len(numbers):
            end = numbers.find(b",", start + _AT_ONCE)
            end = end if end >= 0 else len(numbers)
            # With our own 0 in front, a comma without a value is invalid JSON.
            read += bytes(json.loads(b"[0," + numbers[start:end] + b"]"))[1:]
            start = end + 1
    except ValueError:
        raise MalformedRequest("A list of byte values may only contain numbers from 0 to 255.") from None
    return bytes(read)
