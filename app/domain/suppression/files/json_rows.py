"""The rows of a JSON file, one at a time: the objects in its lists, or one object per line, each with its line number.

This module decides which objects of a document are rows, so that the saved response of a vendor's API can be read,
however long it is. It holds one row at a time. It skips members beside the lists, such as the URL of the next page.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from app.domain.suppression.files.file_text import LINE_LIMIT, UnreadableFile

DEEPEST: Final = 4
"""How many lists and objects may stand around a row."""

_IGNORED = re.compile(r"[\s,:]*")
_DECODER = json.JSONDecoder()
_BROKEN = f"This is no JSON, or one value of it has more than {LINE_LIMIT} characters."
_CUT_OFF = "The file ends in the middle of its JSON; it was cut off."
_NO_OBJECT = "A row is an object with named members, not a bare value."
_NEXT_PAGE = "NextToken"
_INCOMPLETE = (
    "SES's list goes on after this file, which ends with a NextToken. Its rows were read; fetch the rest with "
    "`--next-token`, and import that too."
)
_TOO_DEEP = f"A row stands in at most {DEEPEST} lists and objects."


class _Text:
    """The unread text, refilled so that it holds a whole value wherever a value begins."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._more = True
        self._kept = ""
        self._at = 0
        self.line = 1

    def next(self) -> str:
        """Return the next character after spaces, commas and colons; an empty string at the end."""
        while True:
            self._pass(_IGNORED.match(self._kept, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._kept) or not self._fill():
                return self._kept[self._at : self._at + 1]

    def skip(self) -> None:
        """Skip one character."""
        self._pass(self._at + 1)

    def value(self) -> Any:
        """Return the value that begins here, and skip it. Raises `ValueError` if no value ends within the bound."""
        value, end = self._decoded()
        self._pass(end)
        return value

    def row(self, is_row: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """Return the object that begins here, and skip it, if it is a row. If it is not, return None and leave it."""
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
    """Yield the rows, each with its line number. Raises `UnreadableFile`.

    `is_row` distinguishes a row that stands alone in its line from a document that contains lists of rows.
    """
    text = _Text(texts)
    around: list[str] = []
    name: Any = None
    more = False
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
            name = None
            text.skip()
        else:
            value = _value(text)
            more = more or (name == _NEXT_PAGE and bool(value))
            name = value if inside == "{" and name is None else None
            if inside == "[" and isinstance(value, dict):
                yield line, value
            elif inside != "{":
                raise UnreadableFile(_NO_OBJECT, line=line)
    if around:
        raise UnreadableFile(_CUT_OFF, line=text.line)
    if more:
        raise UnreadableFile(_INCOMPLETE, line=text.line)


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
