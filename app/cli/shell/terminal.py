"""The output of a command: text and tables for a person, one JSON object in the last line for a program.

With `--json` standard output holds the object alone, and text goes to standard error.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table

NARROWEST = 160
"""The least width of a table that goes to a file or a pipe, for which rich would take 80."""

# Characters that move a cursor, change a colour or reverse text, or that no terminal can write: C0 except line breaks
# and tabs, DEL, C1, the marks of bidirectional text, and surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

_READABLE = 30  # characters of a column of sentences: with fewer, a block reads better
_ROWS = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,}/s")


class Terminal:
    """The output of one command. `as_json` is the option `--json`.

    `width` is in characters; without it, the width is that of the terminal.
    """

    def __init__(self, *, as_json: bool = False, width: int | None = None) -> None:
        self.as_json = as_json
        self._words = Console(stderr=as_json, highlight=False, width=width)
        if width is None and not self._words.is_terminal:
            self._words.width = max(self._words.width, NARROWEST)

    def say(self, text: str = "") -> None:
        """Print one or more lines in rich's markup. Text from outside has to be `escape`d."""
        self._words.print(harmless(text), soft_wrap=True)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        title: str | None = None,
        empty: str = "",
        indent: int = 0,
    ) -> None:
        """Print a table of plain values, `indent` characters from the left, or the line `empty` without any rows.

        The last column may wrap between words. Where even that is too wide for the terminal, each row is printed as a
        block: a line for each of its cells.
        """
        cells = [[harmless(shown(value)) for value in row] for row in rows]
        if not cells and empty:
            self.say(empty)
            return
        if _width(columns, cells) + indent > self._words.width:
            self._print_blocks(columns, cells, title=title, indent=indent)
            return
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
        for number, column in enumerate(columns):
            table.add_column(column, no_wrap=number < len(columns) - 1, overflow="fold")
        for row in cells:
            table.add_row(*map(escape, row))
        self._words.print(Padding(table, (0, 0, 0, indent), expand=False))

    def _print_blocks(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None, indent: int
    ) -> None:
        if title:
            self._words.print(escape(title))
        names = max(map(len, columns))
        for row in rows:
            for column, cell in zip(columns, row, strict=True):
                for number, line in enumerate(cell.splitlines() or [""]):
                    name = column if number == 0 else ""
                    self.say(escape(f"{' ' * indent}{name:<{names}}  {line}".rstrip()))
            self.say()

    def waiting(self, text: str) -> Status:
        """Show a spinner while the block runs. Shows nothing where the output is no terminal."""
        return self._words.status(harmless(text))

    @contextmanager
    def progress(self, text: str, *, total: int | None) -> Iterator[Callable[[int, int], None]]:
        """Show a bar with the rate and the time left. Shows nothing where the output is no terminal.

        Yields a function that takes how much of `total` is done, and how many rows that is.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _ROWS, TimeRemainingColumn())
        with Progress(*columns, console=self._words, transient=True, disable=not self._words.is_terminal) as bar:
            task = bar.add_task(text, total=total, rows=0, rate=0)

            def show(done: int, rows: int) -> None:
                elapsed = bar.tasks[task].elapsed or 0.0
                bar.update(task, completed=done, rows=rows, rate=round(rows / elapsed) if elapsed else 0)

            yield show

    def answer(self, answer: Mapping[str, Any]) -> None:
        """Print the result as one JSON object, if `as_json`."""
        if self.as_json:
            print(harmless(json.dumps(answer, default=str, ensure_ascii=False), "\\u{:04x}"), flush=True)

    def fail(self, line: str, *, tail: str = "") -> None:
        """Print why the command failed, to standard error, and `tail`, the end of the log of a process that died."""
        sys.stderr.write(f"postern: {harmless(line)}\n")
        for last in tail.splitlines():
            sys.stderr.write(f"  {harmless(last)}\n")
        self.answer({"error": line})


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How wide the table is at the least: with whole cells, in the last column with whole words."""
    by_column = [
        [line for row in [columns, *rows] for line in row[number].splitlines()] for number in range(len(columns))
    ]
    widths = [max(map(len, lines), default=0) for lines in by_column]
    longest_word = max((len(word) for line in by_column[-1] for word in line.split()), default=0)
    widths[-1] = max(longest_word, min(widths[-1], _READABLE))
    return sum(widths) + 2 * len(widths)


def harmless(text: str, spelling: str = "<U+{:04X}>") -> str:
    """`text` with each character spelled out that a terminal would act on instead of showing it.

    Addresses, diagnostics and files come from outside and are not trusted.
    """
    return _UNPRINTABLE.sub(lambda found: spelling.format(ord(found[0])), text)


def shown(value: object) -> str:
    """A value as the text of a table cell: times to the minute in UTC, each member of a collection on its own line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple() | set() | frozenset():
            return "\n".join(sorted(map(str, value)))
    return str(value)
