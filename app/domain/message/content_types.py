"""The content type of a file as clients write it, and what its MIME part keeps of it.

It decides the form `type/subtype; parameter=value` that a header gets. A parameter stays when it changes how the file
is read (the charset of a text, the method of an invitation); `name` becomes the file name; all others are dropped:
they say nothing (`x-unix-mode`) or would contradict the part (`boundary`).
"""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote

from app.domain.message.text_rules import Rule

CONTENT_TYPE_LIMIT = 255
"""Characters of a content type as it is written in the header."""

_WRITTEN_LIMIT = 2000
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_VALUE = rf'(?:{_WORD}|"[A-Za-z0-9 !#$%&\'()*+,./:;<=>?@\[\]^_`{{|}}~-]*")'

# What changes how a reader understands the file: RFC 2046 section 4.1.2, RFC 3676, RFC 4180, RFC 5545 section 8.1,
# RFC 6350, RFC 6381, RFC 6906, RFC 7763 and RFC 8551.
_KEPT = (
    "charset",
    "method",
    "component",
    "format",
    "delsp",
    "header",
    "version",
    "codecs",
    "profile",
    "variant",
    "smime-type",
)
_ONLY_OF_TEXT_PLAIN = frozenset({"format", "delsp"})

_CONTENT_TYPE = re.compile(rf"{_WORD}/{_WORD}(?:; ?(?:{'|'.join(_KEPT)})={_VALUE})*", re.IGNORECASE)
_START = re.compile(rf"({_WORD})[ \t]*/[ \t]*({_WORD})[ \t\r\n]*")
_PARAMETER = re.compile(rf'({_WORD})[ \t\r\n]*=[ \t\r\n]*(?:"((?:[^"\\]|\\.)*)"[ \t\r\n]*|([^";]*))', re.DOTALL)
_SEPARATOR = re.compile(r"(?:[ \t\r\n]*;)+[ \t\r\n]*")
_EXTENDED = re.compile(r"([A-Za-z0-9_-]*)'[A-Za-z0-9-]*'(.*)", re.DOTALL)
_COMPOSITE = ("multipart/", "message/")
_ALIASES = {"image/jpg": "image/jpeg", "application/x-pdf": "application/pdf"}


class ContentTypeRule(Rule):
    """What the content type of an attachment has to be."""

    CONTENT_TYPE = "content_type", "A content type is type/subtype, as in text/plain; charset=utf-8."
    CONTENT_TYPE_COMPOSITE = "content_type_composite", "A file is not a multipart or a message: give another type."


@dataclass(frozen=True, slots=True)
class ContentType:
    """A content type as a header gets it, and the file name that came in it."""

    value: str
    name: str | None


def read_content_type(text: str) -> ContentType | None:
    """The content type that `text` is, in any spelling that has one meaning; None when it is none.

    `value` keeps `check_content_type`, except that it may be a multipart or a message.
    """
    start = _START.match(text.strip())
    if start is None or len(text) > _WRITTEN_LIMIT:
        return None
    kind = f"{start[1]}/{start[2]}"
    parameters = _parameters(text.strip()[start.end() :])
    if parameters is None:
        return None
    kind = _ALIASES.get(kind.lower(), kind)
    kept = [(name, value) for name, value in parameters.items() if value and _is_kept(name, value, kind.lower())]
    written = kind + "".join(f"; {name}={_written(value)}" for name, value in kept)
    if broken_content_type_rule(written) is ContentTypeRule.CONTENT_TYPE:
        return None
    name = parameters.get("name") or parameters.get("filename") or ""
    return ContentType(written, _without_encoded_words(name) or None)


def broken_content_type_rule(content_type: str) -> Rule | None:
    """Which rule keeps `content_type` out of a header of a file, or None."""
    # With "=?" in it, the field would be written in encoded-words, which a content type must not be.
    if len(content_type) > CONTENT_TYPE_LIMIT or "=?" in content_type or not _CONTENT_TYPE.fullmatch(content_type):
        return ContentTypeRule.CONTENT_TYPE
    return ContentTypeRule.CONTENT_TYPE_COMPOSITE if content_type.lower().startswith(_COMPOSITE) else None


def _parameters(text: str) -> dict[str, str] | None:
    """The parameters by name in lower case; None when `text` is not a list of them, or gives one two meanings."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        separator = _SEPARATOR.match(text, place)
        if separator is None:
            return None
        place = separator.end()
        parameter = _PARAMETER.match(text, place)
        if parameter is None:
            return found if place == len(text) else None
        name, _, section = parameter[1].lower().partition("*")
        value = _value(parameter)
        place = parameter.end()
        if section[:1].isdigit():
            found[name] = found.get(name, "") + (value if section.isdigit() else _decoded(value))
        elif parameter[1].endswith("*"):
            found[name] = _decoded(value)
        elif found.setdefault(name, value).lower() != value.lower() and name in _KEPT:
            return None
    return found


def _value(parameter: re.Match[str]) -> str:
    if parameter[2] is not None:
        return re.sub(r"\\(.)", r"\1", parameter[2], flags=re.DOTALL)
    return parameter[3].strip()


def _decoded(value: str) -> str:
    """A value of RFC 2231, `charset'language'percent-encoded`; a later section of one has only the last part."""
    extended = _EXTENDED.fullmatch(value)
    if extended is None:
        return unquote(value)
    try:
        return unquote(extended[2], encoding=extended[1] or "utf-8", errors="replace")
    except LookupError:
        return unquote(extended[2])


def _without_encoded_words(name: str) -> str:
    """A file name that came in encoded-words (RFC 2047), as Outlook writes it; as it is when they cannot be read."""
    if "=?" not in name:
        return name
    try:
        return str(make_header(decode_header(name)))
    except (ValueError, LookupError, HeaderParseError):
        return name


def _is_kept(name: str, value: str, kind: str) -> bool:
    if name not in _KEPT or (name in _ONLY_OF_TEXT_PLAIN and kind != "text/plain"):
        return False
    return not (name == "charset" and value.lower() == "binary")


def _written(value: str) -> str:
    return value if re.fullmatch(_WORD, value) else f'"{value}"'
