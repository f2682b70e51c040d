"""How text and bytes become the 7-bit lines of an email: RFC 2045 bodies, RFC 2047 words, RFC 2231 parameters.

It decides the encoding only; its callers have checked the content. Every result is ASCII with CRLF line ends, and
no body can hold `--=_`, which is why a boundary that begins with `=_` never collides with one.
"""

import binascii
import re
from collections.abc import Iterable
from urllib.parse import quote

LINE_LIMIT = 998
"""Octets of a line without its CRLF (RFC 5322 section 2.1.1)."""

_ENCODED_LINE = 76
_WORD = "=?utf-8?b?{}?="
_WORD_OVERHEAD = len(_WORD.format(""))
_PARAMETER_SEGMENT = 48
_CERTAINLY_BASE64 = 5
"""If more than one octet in this many has to be escaped, the text is well beyond where `text_body` turns to base64."""

_LONGEST_UNFOLDED = 78
"""Octets of a line that no server folds on the way (RFC 5322 section 2.1.1)."""

_PLAIN_OCTETS = bytes([*b"\t\n", *range(0x20, 0x7F)])
# Blanks at the end of a line get lost, "From " at its start gets a ">", and a lone dot has cut emails short. They are
# looked for from the line ends, which are found many times faster than blanks.
_CHANGED_ON_THE_WAY = re.compile(rb"\n(?:From |\.\n|(?<=[ \t]\n))")
_BOUNDARY = b"--=_"
_LONE_RETURN = re.compile(rb"\r(?!\n)")

_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_NEEDS_NO_ESCAPE = re.compile(r"[A-Za-z0-9!#$&'()+,.@_-](?:[A-Za-z0-9!#$&'()+,.@_ -]*[A-Za-z0-9!#$&'()+,.@_-])?")


def field(name: str, value: str) -> str:
    """One header field with its CRLF: as it is when printable ASCII that fits a line, else in encoded-words.

    Plain text is never folded, so nothing depends on how a reader unfolds. A lone `=?` is encoded too: it never stands
    where a decoder could take it for the start of a word.
    """
    start = f"{name}: "
    if not value or (len(start) + len(value) <= LINE_LIMIT and "=?" not in value and _PRINTABLE.fullmatch(value)):
        return f"{start}{value}\r\n"
    if len(start) > _ENCODED_LINE // 2:
        return f"{name}:\r\n {_encoded_words(value, column=1)}\r\n"
    return f"{start}{_encoded_words(value, column=len(start))}\r\n"


def folded_field(name: str, words: Iterable[str]) -> str:
    """One header field of printable ASCII words, folded between them (RFC 5322 section 2.2.3)."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= _ENCODED_LINE or lines[-1] == f"{name}:":
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines) + "\r\n"


def address_field(name: str, mailboxes: Iterable[tuple[str | None, str]]) -> str:
    """One header field that lists display names and ASCII addresses, a line or more for each."""
    column = len(name) + len(": ")
    listed = ",\r\n ".join([_mailbox(shown, address, column=column) for shown, address in mailboxes])
    return f"{name}: {listed}\r\n"


def parameter(name: str, value: str) -> str:
    """`; name="value"` for a header field, folded first; RFC 2231 sections unless the value needs no escape."""
    if len(value) <= _ENCODED_LINE and _NEEDS_NO_ESCAPE.fullmatch(value):
        return f';\r\n {name}="{value}"'
    sections = [""]
    for character in value:
        # Whole characters only: CPython decodes each section by itself.
        escaped = quote(character, safe="")
        if len(sections[-1]) + len(escaped) > _PARAMETER_SEGMENT:
            sections.append("")
        sections[-1] += escaped
    if len(sections) == 1:
        return f";\r\n {name}*=utf-8''{sections[0]}"
    first = f";\r\n {name}*0*=utf-8''{sections[0]}"
    return first + "".join(f";\r\n {name}*{n}*={section}" for n, section in enumerate(sections[1:], 1))


def text_body(text: str) -> tuple[str, bytes]:
    """The `Content-Transfer-Encoding` of a text and the encoded text.

    ASCII in short lines arrives unchanged and stays as it is; any other text gets the shorter of the two encodings.
    Line ends of every kind become CRLF. A last line without a line end stays without one.
    """
    octets = text.encode()
    not_ascii = len(octets) - len(text)
    if b"\r" in octets:
        octets = _with_newlines(octets)
    if _arrives_unchanged(octets):
        return "7bit", octets.replace(b"\n", b"\r\n")
    escaped = octets.count(b"=") + 2 * not_ascii
    if escaped * 6 > len(octets):
        return "base64", base64_body(octets.replace(b"\n", b"\r\n"))
    return "quoted-printable", binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n")


def _with_newlines(octets: bytes) -> bytes:
    """The text with each line end, of whatever kind, as a newline."""
    if _LONE_RETURN.search(octets):
        return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return octets.translate(None, b"\r")


def _arrives_unchanged(octets: bytes) -> bool:
    return (
        not octets.translate(None, _PLAIN_OCTETS)
        and not _CHANGED_ON_THE_WAY.search(b"\n" + octets + b"\n")
        and _BOUNDARY not in octets
        and max(map(len, octets.split(b"\n"))) <= _LONGEST_UNFOLDED
    )


def text_bound(text: str) -> int:
    """The most octets that `text_body` makes of a text, or of one that has a few characters more.

    The extra characters may change the encoding that is chosen, so the bound covers each one that may be chosen.
    """
    octets = text.encode()
    not_ascii = len(octets) - len(text)
    octets = _with_newlines(octets)
    longest = base64_size(len(octets) + octets.count(b"\n"))
    if (octets.count(b"=") + 2 * not_ascii) * _CERTAINLY_BASE64 > len(octets):
        return longest
    quoted = binascii.b2a_qp(octets, istext=True)
    return max(longest, len(quoted) + quoted.count(b"\n"))


def base64_body(octets: bytes) -> bytes:
    """`octets` in base64, in lines of 76."""
    encoded = binascii.b2a_base64(octets, newline=False)
    if len(encoded) <= _ENCODED_LINE:
        return encoded
    return b"\r\n".join(
        [encoded[start : start + _ENCODED_LINE] for start in range(0, len(encoded), _ENCODED_LINE)],
    )


def base64_size(octets: int) -> int:
    """How many octets `base64_body` makes of `octets` octets, line ends included."""
    encoded = (octets + 2) // 3 * 4
    return encoded + encoded // _ENCODED_LINE * 2


def _mailbox(name: str | None, address: str, *, column: int) -> str:
    if name is None:
        return address
    if name.isascii() and "=?" not in name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    # The address on a line of its own: lines with encoded-words end at 76 octets (RFC 2047 section 2).
    return f"{_encoded_words(name, column=column)}\r\n <{address}>"


def _encoded_words(text: str, *, column: int) -> str:
    """`text` in encoded-words of whole characters (RFC 2047), folded between; the first line has `column` octets."""
    octets = text.encode()
    words = []
    start = 0
    while start < len(octets):
        end = start + (_ENCODED_LINE - column - _WORD_OVERHEAD) // 4 * 3
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        words.append(_WORD.format(binascii.b2a_base64(octets[start:end], newline=False).decode("ascii")))
        start, column = end, 1
    return "\r\n ".join(words)
