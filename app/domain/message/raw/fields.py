"""The lines of a raw message and the fields of its header, octet by octet. Nothing is decoded that is not shown.

It decides which octets may stand where, so that every server on the way reads the same lines and the same fields.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.message.encoding import LINE_LIMIT
from app.domain.message.mime import RAW_LIMIT, ROOM, MessageRule
from app.domain.message.raw.rules import FIELD_LIMIT, HEADER_LIMIT, RawRule, broken, pointer_to
from app.domain.message.text_rules import TextRule, broken_text_rule, detail_of

LARGEST = RAW_LIMIT - ROOM
"""Octets of a message as a client writes it: with what is added, and in base64, it is as large as SES takes it."""

# Lines that are short enough, each with its CRLF. Possessive: nothing is remembered, however long the message.
_LINES = re.compile(rb"(?:[^\r\n]{0,%d}+\r\n)*+" % LINE_LIMIT)
_ADDED_FIELDS = 10
_END = b"\r\n\r\n"
_NEW_FIELD = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"[!-9;-~]{1,126}(?=:)")
_BLANK_LINE = re.compile(rb"\r\n[ \t]*(?=\r\n|\Z)")


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One header field: its name, its `kind`, which is the name in lower case, and its octets with the CRLF at the end.

    `value` is in one line (RFC 5322 section 2.2.3), without the blanks around it.
    """

    name: str
    kind: str
    value: str
    octets: bytes


def header_field(name: str, octets: bytes) -> HeaderField:
    """The field of these octets. Raises `UnicodeDecodeError` where they are not UTF-8."""
    value = octets[len(name) + 1 :].replace(b"\r\n", b"").decode().replace("\t", " ").strip(" ")
    return HeaderField(name, name.lower(), value, octets)


def with_crlf(raw: bytes) -> bytes:
    """The message in lines that end in CRLF: what came with LF alone, as Python and Unix write it, gets them.

    Raises `InvalidRaw` for a message that is too large, for mixed line ends, NUL octets and lines that are too long.
    """
    if len(raw) > LARGEST:
        raise broken(MessageRule.TOO_LARGE)
    if b"\0" in raw:
        raise broken(RawRule.NUL)
    if b"\r" not in raw:
        raw = raw.replace(b"\n", b"\r\n")
        if len(raw) > LARGEST:
            raise broken(MessageRule.TOO_LARGE)
    elif not raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n"):
        raise broken(RawRule.LINE_ENDS)
    _check_lengths(raw)
    return raw


def split(raw: bytes) -> tuple[tuple[HeaderField, ...], bytes]:
    """The header fields, and the rest of the message: the empty line and the body. Raises `InvalidRaw`.

    `raw` is in lines that end in CRLF.
    """
    fields = read_fields(raw)
    return fields, raw[sum(len(field.octets) for field in fields) :]


def read_fields(raw: bytes, start: int = 0) -> tuple[HeaderField, ...]:
    """The fields of the header that starts here: those of a client, and what is added to them. Raises `InvalidRaw`."""
    most = HEADER_LIMIT + ROOM
    end = raw.find(_END, start, start + most + len(_END))
    if end < 0:
        raise broken(RawRule.HEADER_END if len(raw) - start <= most else RawRule.HEADER_TOO_LARGE)
    written = _NEW_FIELD.split(raw[start:end])
    if len(written) > FIELD_LIMIT + _ADDED_FIELDS:
        raise broken(RawRule.TOO_MANY_HEADERS)
    return tuple(_field(number, octets) for number, octets in enumerate(written, 1))


def joined(fields: Sequence[HeaderField], rest: bytes) -> bytes:
    """The message of these fields and this rest."""
    return b"".join([*(field.octets for field in fields), rest])


def _check_lengths(raw: bytes) -> None:
    matched = _LINES.match(raw)
    end = matched.end() if matched else 0
    if len(raw) - end <= LINE_LIMIT and raw.find(b"\n", end) < 0:
        return
    number = raw.count(b"\n", 0, end) + 1
    raise broken(RawRule.LINE_TOO_LONG, detail=f"{RawRule.LINE_TOO_LONG.sentence} Line {number} is longer.")


def _field(number: int, octets: bytes) -> HeaderField:
    name = _NAME.match(octets)
    if name is None or _BLANK_LINE.search(octets):
        detail = f"{RawRule.HEADER_LINE.sentence} Field {number} is not of this form."
        raise broken(RawRule.HEADER_LINE, "/headers", detail)
    field_name = name[0].decode("ascii")
    try:
        field = header_field(field_name, octets + b"\r\n")
    except UnicodeDecodeError:
        raise broken(RawRule.HEADER_NOT_UTF8, pointer_to(field_name)) from None
    if broken_text_rule(field.value) is TextRule.CONTROL_CHARACTER:
        rule = TextRule.CONTROL_CHARACTER
        raise broken(rule, pointer_to(field_name), detail_of(rule, field.value))
    return field
