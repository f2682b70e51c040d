"""The rows of a CSV file (RFC 4180), one at a time, each with the number of its first line.

This module decides where a row ends and which text is not CSV. The delimiter is the comma, semicolon or tab that the
first line has, or the one that a first line `sep=;` names. It does not guess past a quote that is not closed, since any
text could follow it.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Final

from app.domain.suppression.files.file_text import UnreadableFile, lines_of

RECORD_LIMIT: Final = 131_072
"""Characters of one row, however many lines it takes."""

_DELIMITERS: Final = ",;\t"
# The first line with which Excel names the delimiter of a file.
_NAMED_DELIMITER: Final = re.compile(r"\"?sep=([,;\t|])\"?\s*", re.IGNORECASE)
_OPEN = f"A quote is opened here and not closed within the row (at most {RECORD_LIMIT} characters); close or double it."
_AFTER = "A quoted cell goes on after its quote; double the quotes inside a cell."
_RETURN = "A carriage return without a line feed; end lines with LF or CRLF."
_BROKEN = "This row is no CSV (RFC 4180)."


class _Lines:
    """The lines of a file, and those of the row that is being read."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._lines = lines_of(texts)
        self._first = next(self._lines, None)
        self._number = 0
        self._length = 0
        self.record: list[str] = []
        self.began = 1

    def first(self) -> str:
        """Return the first line without reading past it."""
        return self._first or ""

    def begin(self) -> None:
        """Let the next line be the first of a row."""
        self.record.clear()
        self._length = 0
        self.began = self._number + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        # No line is read before it is needed: a line that is too long must not spoil the row before it.
        line, self._first = self._first, None
        if line is None:
            line = next(self._lines)
        self._number += 1
        self.record.append(line)
        self._length += len(line)
        if self._length > RECORD_LIMIT:
            raise csv.Error
        return line


def csv_rows(texts: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with the number of its first line. Raises `UnreadableFile`."""
    lines = _Lines(texts)
    named = _NAMED_DELIMITER.fullmatch(lines.first())
    if named:
        next(lines)
    delimiter = named[1] if named else max(_DELIMITERS, key=lines.first().count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _fault("".join(lines.record), lines.began, delimiter) from error
        if any(cells):
            yield lines.began, cells


def _fault(record: str, began: int, delimiter: str) -> UnreadableFile:
    offset, rule = _where(record, delimiter)
    before = record[:offset]
    return UnreadableFile(rule, line=began + before.count("\n"), column=offset - before.rfind("\n"))


def _where(record: str, delimiter: str) -> tuple[int, str]:
    """Return the index of the character at which a row stops being CSV, and the reason."""
    opened: int | None = None
    fresh = True
    offset = 0
    while offset < len(record):
        character, follows = record[offset], record[offset + 1 : offset + 2]
        if opened is None:
            if character == '"' and fresh:
                opened = offset
            elif character == "\r" and follows not in {"\n", ""}:
                return offset, _RETURN
            fresh = character == delimiter
        elif character == '"' and follows == '"':
            offset += 1
        elif character == '"':
            opened = None
            if follows not in {"", delimiter, "\r", "\n"}:
                return offset + 1, _AFTER
        offset += 1
    return (0, _BROKEN) if opened is None else (opened, _OPEN)
