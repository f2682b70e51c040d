"""The text of an uploaded file, read in pieces of bounded size.

This module decides which encodings are read: UTF-8, with or without a byte order mark. A byte that is no UTF-8 stays in
the text as a surrogate (PEP 383): in words it is read as Windows-1252, as old spreadsheets write it (`western`), and an
address with one is refused. It holds one piece and one line in memory.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

PIECE: Final = 65_536
"""How many bytes the caller should read at a time."""

LINE_LIMIT: Final = 65_536
"""Characters of one line."""

NOT_UTF8: Final = re.compile("[\N{REPLACEMENT CHARACTER}\udc80-\udcff]")
"""A character that stands for a byte which is no UTF-8."""

_WESTERN: Final = {0xDC00 + byte: bytes([byte]).decode("cp1252", errors="replace") for byte in range(0x80, 0x100)}

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFile(ValueError):
    """The rest of a file cannot be read. The error names the rule, the place and what to do; it quotes nothing."""

    def __init__(self, rule: str, *, line: int, column: int | None = None) -> None:
        place = f"Line {line}" if column is None else f"Line {line}, column {column}"
        super().__init__(f"{place}: {rule}")
        self.line = line
        self.column = column


def decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of a file piece by piece, without its byte order mark. Raises `UnreadableFile` for UTF-16."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="surrogateescape")
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


def western(text: str) -> str:
    """The text with each byte that is no UTF-8 read as Windows-1252."""
    return text.translate(_WESTERN)


def lines_of(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines with their line ends; the last may have none. Raises `UnreadableFile` for too long a line."""
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
