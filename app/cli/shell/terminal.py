"""What a command tells: to a person in words and tables, to a program one JSON object in the last line.

It decides which stream gets what. With `--json` standard output holds the object alone, and words go to standard error.
"""

import json
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
"""A table that goes to a file or a pipe needs no width, but rich would take 80."""

_ROWS = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,}/s")


class Terminal:
    """Where a command speaks. `as_json` as asked for on the command line."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._words = Console(stderr=as_json, highlight=False)
        if not self._words.is_terminal:
            self._words.width = max(self._words.width, NARROWEST)

    def say(self, text: str = "") -> None:
        """One or more lines, in rich's markup. What is not ours to write has to be `escape`d."""
        self._words.print(text, soft_wrap=True)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        title: str | None = None,
        empty: str = "",
        indent: int = 0,
    ) -> None:
        """A table of plain values, `indent` characters from the left, or the line `empty` when there are no rows."""
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
        for number, column in enumerate(columns):
            table.add_column(column, no_wrap=number == 0, overflow="fold")
        for row in rows:
            table.add_row(*(escape(shown(value)) for value in row))
        if table.row_count or not empty:
            self._words.print(Padding(table, (0, 0, 0, indent), expand=False))
        else:
            self.say(empty)

    def waiting(self, text: str) -> Status:
        """A sign of life while the block lasts; nothing where nobody looks."""
        return self._words.status(text)

    @contextmanager
    def progress(self, text: str, *, total: int | None) -> Iterator[Callable[[int, int], None]]:
        """A bar with the rate and the time left, told how much of `total` is done and how many rows that were.

        Nothing where nobody looks.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _ROWS, TimeRemainingColumn())
        with Progress(*columns, console=self._words, transient=True, disable=not self._words.is_terminal) as bar:
            task = bar.add_task(text, total=total, rows=0, rate=0)

            def tell(done: int, rows: int) -> None:
                elapsed = bar.tasks[task].elapsed or 0.0
                bar.update(task, completed=done, rows=rows, rate=round(rows / elapsed) if elapsed else 0)

            yield tell

    def answer(self, answer: Mapping[str, Any]) -> None:
        """The result as one JSON object, if that was asked for."""
        if self.as_json:
            print(json.dumps(answer, default=str, ensure_ascii=False), flush=True)

    def fail(self, line: str, *, tail: str = "") -> None:
        """Why the command failed, on standard error, and the last words of whatever died."""
        sys.stderr.write(f"postern: {line}\n")
        for last in tail.splitlines():
            sys.stderr.write(f"  {last}\n")
        self.answer({"error": line})


def shown(value: object) -> str:
    """A value in a cell of a table: times to the minute in UTC, each member of a collection on a line of its own."""
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
