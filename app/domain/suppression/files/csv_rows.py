"""Rows of a CSV file (RFC 4180), as they are read, each with the line that it begins in.

It decides where a row ends and what is no CSV at all. Commas, semicolons and tabs are read, whichever the first line
has. It never guesses past a quote that is not closed: what follows could be anything.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

from app.domain.file_text import UnreadableFile, lines_of

RECORD_LIMIT: Final = 131_072
"""Characters of one row, however many lines it takes."""

_DELIMITERS: Final = ",;\t"
_OPEN = f"A quote is opened here and not closed within the row (at most {RECORD_LIMIT} characters); close or double it."
_AFTER = "A quoted cell goes on after its quote; double the quotes inside a cell."
_RETURN = "A carriage return without a line feed; end lines with LF or CRLF."
_BROKEN = "This row is no CSV (RFC 4180)."


class _Lines:
    """The lines of a file, and those of the row that is being read."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._lines = lines_of(texts)
        self._next = next(self._lines, None)
        self._number = 0
        self._length = 0
        self.record: list[str] = []
        self.began = 1

    def first(self) -> str:
        """The first line, which stays unread."""
        return self._next or ""

    def begin(self) -> None:
        """The next line is the first of a row."""
        self.record.clear()
        self._length = 0
        self.began = self._number + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._next
        if line is None:
            raise StopIteration
        self._next = next(self._lines, None)
        self._number += 1
        self.record.append(line)
        self._length += len(line)
        if self._length > RECORD_LIMIT:
            raise csv.Error
        return line


def csv_rows(texts: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, each with the number of its first line. Raises `UnreadableFile`."""
    lines = _Lines(texts)
    delimiter = max(_DELIMITERS, key=lines.first().count)
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
    """At which character a row stops being CSV, and why."""
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
