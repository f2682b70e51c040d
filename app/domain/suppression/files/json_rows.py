"""Rows of a JSON file, as they are read: the objects in its lists, or one object a line, each with its line.

It decides what of a document is a row, so that the answer of a vendor's API is read as it was saved, however long. It
never holds more than one row. Members beside the lists, such as the address of the next page, are passed over.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from app.domain.file_text import LINE_LIMIT, UnreadableFile

DEEPEST: Final = 4
"""Lists and objects around a row."""

_IGNORED = re.compile(r"[\s,:]*")
_DECODER = json.JSONDecoder()
_BROKEN = f"This is no JSON, or one value of it has more than {LINE_LIMIT} characters."
_CUT_OFF = "The file ends in the middle of its JSON; it was cut off."
_NO_OBJECT = "A row is an object with named members, not a bare value."
_TOO_DEEP = f"A row stands in at most {DEEPEST} lists and objects."


class _Text:
    """The unread text, filled up so that it holds a whole value wherever a value begins."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._more = True
        self._kept = ""
        self._at = 0
        self.line = 1

    def next(self) -> str:
        """The character that is next when spaces, commas and colons are passed over; empty at the end."""
        while True:
            self._pass(_IGNORED.match(self._kept, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._kept) or not self._fill():
                return self._kept[self._at : self._at + 1]

    def skip(self) -> None:
        """Pass over one character."""
        self._pass(self._at + 1)

    def value(self) -> Any:
        """The value that begins here, which is passed over. Raises `ValueError` when none does within the bound."""
        value, end = self._decoded()
        self._pass(end)
        return value

    def row(self, is_row: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """The object that begins here, passed over, if it is a row; None leaves it unread."""
        try:
            value, end = self._decoded()
        except ValueError:
            return None
        if not is_row(value):
            return None
        self._pass(end)
        row: dict[str, Any] = value
        return row

    def _decoded(self) -> tuple[Any, int]:
        while len(self._kept) - self._at <= LINE_LIMIT and self._fill():
            continue
        try:
            return _DECODER.raw_decode(self._kept, self._at)
        except RecursionError as error:
            raise ValueError from error

    def _pass(self, end: int) -> None:
        self.line += self._kept.count("\n", self._at, end)
        self._at = end

    def _fill(self) -> bool:
        piece = next(self._texts, None)
        if piece is None:
            return False
        self._kept, self._at = self._kept[self._at :] + piece, 0
        return True


def json_rows(texts: Iterable[str], is_row: Callable[[dict[str, Any]], bool]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows, each with its line. Raises `UnreadableFile`.

    `is_row` tells a row that stands alone in its line from a document around lists of rows.
    """
    text = _Text(texts)
    around: list[str] = []
    while character := text.next():
        inside, line = (around[-1] if around else ""), text.line
        alone = text.row(is_row) if character == "{" and not inside else None
        if alone is not None:
            yield line, alone
        elif character in "]}":
            _leave(around, character, line)
            text.skip()
        elif character == "[" or (character == "{" and not inside):
            _enter(around, character, line)
            text.skip()
        else:
            value = _value(text)
            if inside == "[" and isinstance(value, dict):
                yield line, value
            elif inside != "{":
                raise UnreadableFile(_NO_OBJECT, line=line)
    if around:
        raise UnreadableFile(_CUT_OFF, line=text.line)


def _value(text: _Text) -> Any:
    line = text.line
    try:
        return text.value()
    except ValueError as error:
        raise UnreadableFile(_BROKEN, line=line) from error


def _enter(around: list[str], character: str, line: int) -> None:
    if len(around) == DEEPEST:
        raise UnreadableFile(_TOO_DEEP, line=line)
    around.append(character)


def _leave(around: list[str], character: str, line: int) -> None:
    if not around or around.pop() + character not in {"[]", "{}"}:
        raise UnreadableFile(_BROKEN, line=line)
