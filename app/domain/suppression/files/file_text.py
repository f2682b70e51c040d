"""The text of a file that came from outside, as it is read: a piece at a time, and never more of it than is bounded.

It decides which encodings are read: UTF-8, with or without a byte order mark. A byte that is none becomes U+FFFD, so
that one bad letter in a reason does not cost the row its address. It never holds more than a piece and what it is told
to keep.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

PIECE: Final = 65_536
"""Bytes that are read at a time, by whoever opens the file."""

LINE_LIMIT: Final = 65_536
"""Characters of one line."""

NOT_UTF8: Final = "\N{REPLACEMENT CHARACTER}"

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFile(ValueError):
    """A file cannot be read on: what it is not, where it shows, and what to do about it. It never repeats the file."""

    def __init__(self, rule: str, *, line: int, column: int | None = None) -> None:
        place = f"Line {line}" if column is None else f"Line {line}, column {column}"
        super().__init__(f"{place}: {rule}")
        self.line = line
        self.column = column


def decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    """The text of a file, a piece at a time, without its byte order mark. Raises `UnreadableFile` for UTF-16."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    beginning = b""
    for piece in pieces:
        if len(beginning) < 2:
            beginning += piece[:2]
            if beginning.startswith(_UTF16):
                raise UnreadableFile("The file is UTF-16; save it as UTF-8.", line=1, column=1)
        if text := decoder.decode(piece):
            yield text
    if rest := decoder.decode(b"", final=True):
        yield rest


def lines_of(texts: Iterable[str]) -> Iterator[str]:
    """The lines of a text with their ends; the last may have none. Raises `UnreadableFile` for one that is too long."""
    number, kept = 1, ""
    for text in texts:
        *whole, kept = (kept + text).split("\n")
        for line in whole:
            _bounded(line, number)
            number += 1
            yield line + "\n"
        _bounded(kept, number)
    if kept:
        yield kept


def _bounded(line: str, number: int) -> None:
    if len(line) > LINE_LIMIT:
        raise UnreadableFile(f"A line has at most {LINE_LIMIT} characters.", line=number, column=LINE_LIMIT + 1)
