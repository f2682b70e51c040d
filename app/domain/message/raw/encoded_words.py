"""Encoded-words in headers (RFC 2047), read for people and for the list of recipients. They are never written here.

It decides which charsets are read at all. A word that cannot be read stays as it is written.
"""

import binascii
import re
from typing import Final

_WORD: Final = r"=\?([A-Za-z0-9._:-]{1,40})(?:\*[A-Za-z0-9-]{1,20})?\?([bBqQ])\?([!->@-~ ]{0,900}?)\?="
RUN: Final = re.compile(rf"{_WORD}(?:[ ]*{_WORD})*")
"""One encoded-word, or several, with blanks between that a reader does not see."""

_EACH: Final = re.compile(_WORD)
_CHARSET: Final = re.compile(
    r"utf-?8|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}|iso-2022-(?:jp|kr)|(?:windows|cp)-?\d{3,4}|koi8-[ru]|gbk"
    r"|gb2312|gb18030|big5|euc-(?:jp|kr)|shift_jis|tis-620|mac-?roman",
    re.IGNORECASE,
)


def decoded(text: str) -> str:
    """The text with its encoded-words read."""
    return RUN.sub(lambda run: read_run(run[0]), text) if "=?" in text else text


def read_run(run: str) -> str:
    """The text of a run of encoded-words. Octets of one charset are joined first: some writers split characters."""
    pieces: list[tuple[str, bytes]] = []
    for word in _EACH.finditer(run):
        charset, octets = word[1].lower(), _octets(word[2].lower(), word[3])
        if pieces and pieces[-1][0] == charset:
            pieces[-1] = charset, pieces[-1][1] + octets
        else:
            pieces.append((charset, octets))
    texts = [in_charset(octets, charset) for charset, octets in pieces]
    return run if None in texts else "".join(text or "" for text in texts)


def in_charset(octets: bytes, charset: str) -> str | None:
    """The octets as text, with U+FFFD for what is not of the charset; None for a charset that is not read here."""
    if not _CHARSET.fullmatch(charset):
        return None
    try:
        return octets.decode(charset, "replace")
    except LookupError:
        return None


def _octets(encoding: str, text: str) -> bytes:
    if encoding == "q":
        return binascii.a2b_qp(text.encode(), header=True)
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""
