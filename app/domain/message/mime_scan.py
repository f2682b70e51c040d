"""A last check of a serialised message, by a reader that shares nothing with the writer.

It decides whether the bytes hold exactly the intended header fields, part by part, in lines that every mail server
reads alike. It never repairs, and never quotes what it found: a message that fails is not sent.
"""

import re
from collections.abc import Sequence

from app.domain.message.encoding import LINE_LIMIT

BOUNDARY_START = "=_"
"""How every boundary begins. No encoded body holds it after `--`, so no body can end its own part."""

_DELIMITER = f"\r\n--{BOUNDARY_START}".encode()
# Possessive: nothing is remembered for backtracking, however long the message.
_LINES = re.compile(rb"(?:[\t -~]{0,%d}+\r\n)*+" % LINE_LIMIT)
_FIELD = re.compile(rb"([A-Za-z0-9-]+):(?: [ -~]*)?")
_CONTINUATION = re.compile(rb"[ ]+[!-~][ -~]*")

FieldNames = tuple[str, ...]


class UnsafeMessage(ValueError):
    """The message breaks a rule, or its bytes differ from what was intended; it must not be sent."""


def require_exactly(raw: bytes, blocks: Sequence[FieldNames]) -> None:
    """Raise `UnsafeMessage` unless the header blocks of `raw`, in order, hold exactly these field names, in order."""
    if not _LINES.fullmatch(raw):
        raise UnsafeMessage("a line that is not short printable ASCII with CRLF at its end")
    top, *chunks = raw.split(_DELIMITER)
    found = [_field_names(top)]
    for chunk in chunks:
        boundary, _, part = chunk.partition(b"\r\n")
        if not boundary.endswith(b"--"):
            found.append(_field_names(part))
        elif part:
            raise UnsafeMessage("text stands after the end of a multipart")
    if found != list(blocks):
        raise UnsafeMessage("the header fields are not the intended ones")


def _field_names(part: bytes) -> FieldNames:
    block, blank, _ = part.partition(b"\r\n\r\n")
    if not blank:
        raise UnsafeMessage("a header block without an end")
    names: list[str] = []
    for line in block.split(b"\r\n"):
        if field := _FIELD.fullmatch(line):
            names.append(field[1].decode("ascii"))
        elif not names or not _CONTINUATION.fullmatch(line):
            raise UnsafeMessage("a line that is no header field")
    return tuple(names)
