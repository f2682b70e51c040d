"""The rules of a raw message, each with its stable word, and the error that carries the broken ones."""

import re

from app.domain.errors import Fault
from app.domain.message.encoding import LINE_LIMIT
from app.domain.message.text_rules import Rule

HEADER_LIMIT = 64 * 1024
"""Octets of the whole header: what common servers take."""

FIELD_LIMIT = 500
"""Header fields of a message: far more than any client writes, and few enough to be looked at one by one."""

PART_LIMIT = 500
"""MIME parts that SES takes."""

DEPTH_LIMIT = 30
"""Multiparts inside each other."""


_PLAIN_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")


class RawRule(Rule):
    """What a raw message has to be."""

    NUL = "nul_octet", "A message holds no NUL octets."
    LINE_ENDS = "line_ends", "The line ends are CRLF, or all of them are LF: no CR and no LF stands alone."
    LINE_TOO_LONG = "line_too_long", f"A line has at most {LINE_LIMIT} octets (RFC 5322 section 2.1.1)."
    HEADER_END = "header_end", "A message has a header, an empty line and a body."
    HEADER_LINE = "header_line", "A line of the header is a name, a colon and a value, or goes on from the line before."
    HEADER_TOO_LARGE = "header_too_large", f"The header has at most {HEADER_LIMIT} octets."
    TOO_MANY_HEADERS = "too_many_headers", f"A message has at most {FIELD_LIMIT} header fields."
    HEADER_NOT_UTF8 = "header_not_utf8", "A header is ASCII, or UTF-8; best are encoded-words (RFC 2047)."
    ONCE = "header_duplicate", "This header field stands once in a message."
    FROM_REQUIRED = "required", "A message has one From with one address."
    DOMAIN_NOT_ASCII = (
        "domain_not_ascii",
        "In a raw message, write the domain in A-labels (xn--...): SES takes no other.",
    )
    TAGS = "tags", "Tags are name=value with commas between, of letters, digits, - and _, each at most 256."
    TOO_MANY_TAGS = "too_many_tags", "An email has at most 75 tags."
    LANE = "enum", "A lane is transactional or bulk."
    TOO_LONG = "string_too_long", "This value is too long."
    TOO_MANY_PARTS = "too_many_parts", f"A message has at most {PART_LIMIT} MIME parts."
    TOO_DEEP = "too_deep", f"At most {DEPTH_LIMIT} multiparts stand inside each other."


class InvalidRaw(ValueError):
    """A raw message breaks rules; `faults` names each, with a pointer such as `/raw` or `/headers/From`."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].detail)
        self.faults = faults


def broken(rule: Rule, pointer: str = "/raw", detail: str | None = None) -> InvalidRaw:
    """The error for one rule that is broken at `pointer`."""
    return InvalidRaw(rule.fault(pointer, detail))


def pointer_to(name: str) -> str:
    """The JSON pointer to a header field; to all of them for a name of other characters: it may be an address."""
    return f"/headers/{name}" if _PLAIN_NAME.fullmatch(name) else "/headers"
