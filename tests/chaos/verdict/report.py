"""The report of drills: a progress line, the table of all drills, and the findings of each broken promise."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from tests.chaos.run import Moment, Result
from tests.chaos.verdict.oracle import Promise

EXPLAINED = 5


class Report:
    """Prints to standard output; with `as_json`, text goes to standard error and the last line has the figures."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=as_json, highlight=False)
        if not self._console.is_terminal:
            self._console.width = max(self._console.width, 200)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def moment(self, moment: Moment) -> None:
        """Show the progress of the running drill."""
        waiting = f", {moment.waiting} waiting" if moment.phase == "drain" else ""
        self._live.update(
            f"{moment.phase} {moment.elapsed_s:4.0f} s: {moment.offered} offered, {moment.accepted} accepted, "
            f"{moment.faults} faults{waiting}",
            refresh=self._console.is_terminal,
        )

    def result(self, result: Result, kept: Path | None) -> None:
        """Print a finished drill: the promises that it broke, with the first finding of each sort explained."""
        restarts = ", ".join(f"{name} {number}" for name, number in result.restarts.items() if number)
        self._console.print(f"seed {result.drill.seed}: {result.faults} faults; started again: {restarts or 'nothing'}")
        for promise in Promise:
            found = [finding for finding in result.verdict.findings if finding.promise is promise]
            if found:
                self._console.print(f"[bold]{promise}[/]: {result.verdict.count(promise)}", soft_wrap=True)
            for finding in found[:EXPLAINED]:
                self._console.print(f"  {escape(finding.what)}", soft_wrap=True)
        if kept is not None:
            self._console.print(f"kept: {kept}")

    def table(self, results: Sequence[Result]) -> None:
        """The figures of all drills, and those of each door."""
        runs = [result.as_json() for result in results]
        self._print([{name: figure for name, figure in run.items() if name != "doors"} for run in runs])
        self._print(
            [
                {"seed": result.drill.seed, "door": door.value} | asdict(at_door)
                for result in results
                for door, at_door in result.doors.items()
            ]
        )
        if self._as_json:
            sys.stdout.write(json.dumps({"runs": runs}) + "\n")
            sys.stdout.flush()

    def _print(self, rows: Sequence[Mapping[str, object]]) -> None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in rows[0] if rows else ():
            table.add_column(name.replace("_", " "), justify="right")
        for row in rows:
            table.add_row(*map(str, row.values()))
        self._console.print(table)
