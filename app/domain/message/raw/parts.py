"""The MIME parts of a raw message: where each is, and what its own header says of it.

It decides by the boundaries alone (RFC 2046 section 5.1), in one pass over the lines that begin as one. A message that
is not well formed still has parts: those that its boundaries show.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message as Header
from typing import Final

from app.domain.message.attachments import AttachmentRule, is_refused_by_ses
from app.domain.message.raw.encoded_words import decoded
from app.domain.message.raw.fields import read_fields
from app.domain.message.raw.rules import DEPTH_LIMIT, PART_LIMIT, InvalidRaw, RawRule, broken
from app.domain.message.text_rules import Rule, TextRule, broken_text_rule
from app.domain.message.unseen import first_unseen, is_misleading

_CANDIDATE: Final = re.compile(rb"\n--([^\r\n]{1,200})(?=\r|\Z)")
_CANDIDATES: Final = 100_000
_VALUE_LIMIT: Final = 2_000
"""Characters of a field that are read. CPython's reader of parameters is not linear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part that is no multipart: what its header says, and where its body starts and ends in the message."""

    kind: str
    charset: str
    encoding: str
    filename: str | None
    is_attached: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Entity:
    """A header that was read, that of a part or of a multipart, which has a boundary, and where its body starts."""

    header: Header
    boundary: bytes | None
    start: int

    def part(self, end: int) -> Part:
        header, name = self.header, self.header.get_filename(None)
        return Part(
            kind=header.get_content_type(),
            charset=str(header.get_content_charset("utf-8")),
            encoding=str(header.get("Content-Transfer-Encoding", "7bit")).strip().lower(),
            filename=decoded(str(name)) if name else None,
            is_attached=header.get_content_disposition() == "attachment",
            start=self.start,
            end=max(self.start, end),
        )


def parts_of(raw: bytes) -> Iterator[Part]:
    """The parts in order; a message without multiparts is one part, and so is a multipart without parts.

    Raises `InvalidRaw` where the message holds too many.
    """
    whole = _entity(raw, 0)
    if whole.boundary is None:
        yield whole.part(len(raw))
        return
    here: _Entity | None = whole
    count, open_boundaries = 1, [whole.boundary]
    for line, boundary, ends in _boundary_lines(raw, open_boundaries):
        if here is not None and boundary != here.boundary:
            yield here.part(line.start() - len(b"\r"))
        del open_boundaries[open_boundaries.index(boundary) + (0 if ends else 1) :]
        here = None if ends else _entity(raw, line.end() + len(b"\r\n"))
        if here is not None:
            count += 1
            open_boundaries.extend([here.boundary] if here.boundary else [])
        if count > PART_LIMIT or len(open_boundaries) > DEPTH_LIMIT:
            raise broken(RawRule.TOO_MANY_PARTS if count > PART_LIMIT else RawRule.TOO_DEEP)
    if here is not None:
        yield here.part(len(raw))


def _boundary_lines(raw: bytes, open_boundaries: list[bytes]) -> Iterator[tuple[re.Match[bytes], bytes, bool]]:
    """The lines that are a boundary among those that are open when the line is reached, and whether they end it."""
    for number, line in enumerate(_CANDIDATE.finditer(raw)):
        if number > _CANDIDATES:
            raise broken(RawRule.TOO_MANY_PARTS)
        boundary = line[1].rstrip(b" \t")
        if boundary in open_boundaries:
            yield line, boundary, False
        elif boundary.removesuffix(b"--") in open_boundaries:
            yield line, boundary.removesuffix(b"--"), True


def check_parts(raw: bytes) -> None:
    """Raise `InvalidRaw` for too many parts, and for files that SES refuses or whose names mislead."""
    for part in parts_of(raw):
        if part.filename and (rule := _broken_rule(part.filename)):
            raise broken(rule)


def _broken_rule(filename: str) -> Rule | None:
    if broken_text_rule(filename) is TextRule.CONTROL_CHARACTER:
        return TextRule.CONTROL_CHARACTER
    if first_unseen(filename, is_misleading):
        return AttachmentRule.FILENAME_UNSEEN
    return AttachmentRule.FILENAME_REFUSED if is_refused_by_ses(filename) else None


def _entity(raw: bytes, start: int) -> _Entity:
    """The entity whose header starts here. One that cannot be read has no fields, and all of it is its body."""
    header = Header()
    if raw.startswith(b"\r\n", start):
        return _Entity(header, None, start + len(b"\r\n"))
    try:
        fields = read_fields(raw, start)
    except InvalidRaw:
        return _Entity(header, None, start)
    for field in fields:
        if field.kind.startswith("content-") and field.name not in header:
            header[field.name] = field.value[:_VALUE_LIMIT]
    boundary = str(header.get_boundary("")) if header.get_content_maintype() == "multipart" else ""
    body = start + sum(len(field.octets) for field in fields) + len(b"\r\n")
    return _Entity(header, boundary.encode("ascii", "replace") or None, body)
