"""`postern suppressions import` and `export`: the list as a file, in the hands of an operator."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from app.cli.command import Command, UsageMistake, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.file_text import PIECE
from app.domain.list_files import Reading, written
from app.domain.list_rows import RowVerdict
from app.domain.suppression import Origin
from app.domain.vendor_lists import FileFormat, VendorList
from app.services.import_batch import Told
from app.services.import_list import How, Imported

STDIN: Final = "-"
SHOWN: Final = 20
"""Refused rows that are shown; the report has all."""

_MEANING = {
    RowVerdict.ADDED: "put on the list",
    RowVerdict.REPLACED: "took the place of a shorter or weaker entry",
    RowVerdict.KEPT: "on the list already",
    RowVerdict.REMOVED_SINCE: "taken off the list after the row's time, or it has none",
    RowVerdict.OVER: "ended already",
    RowVerdict.REFUSED: "broke a rule",
}


class _Tally:
    """What is told of the rows as they come: to the report all, to the bar how many, at the end the first refused."""

    def __init__(self, report: IO[str] | None, show: Callable[[int], None]) -> None:
        self._report = report
        self._show = show
        self.rows = 0
        self.refused: list[Told] = []
        self.rules: Counter[str] = Counter()

    def __call__(self, told: Sequence[Told]) -> None:
        self.rows += len(told)
        refused = [one for one in told if one.verdict is RowVerdict.REFUSED]
        self.refused += refused[: SHOWN - len(self.refused)]
        self.rules.update(one.code for one in refused)
        if self._report is not None:
            self._report.write(written((str(one.line), one.verdict, one.code, one.detail) for one in told))
        self._show(self.rows)


def take_in(given: Namespace, terminal: Terminal) -> bool:
    """Take a file into the list."""
    how = How(
        reading=Reading(format=given.format, scope=given.scope, list_kind=given.list),
        dry_run=given.dry_run,
        fresh=given.fresh,
    )
    with ExitStack() as stack:
        file = sys.stdin.buffer if given.file == STDIN else stack.enter_context(Path(given.file).open("rb"))
        report = stack.enter_context(_new_file(given.report)) if given.report else None
        if report is not None:
            report.write(written([("line", "verdict", "rule", "detail")]))
        gateway, caller = stack.enter_context(operated_gateway(given.data))
        total = os.fstat(file.fileno()).st_size or None
        show = stack.enter_context(terminal.progress("Importing", total=total))
        read = _Read(file)
        tally = _Tally(report, lambda rows: show(read.bytes, rows))
        done = gateway.import_list(caller, read, how, tell=tally)
    _tell(done, tally, terminal)
    return True


def give_out(given: Namespace, terminal: Terminal) -> bool:
    """Write the list to a file, or to standard output."""
    if given.json and given.file is None:
        raise UsageMistake("with --json the list needs a --file of its own")
    with operated_gateway(given.data) as (gateway, caller):
        pieces = gateway.export_list(caller, scope=given.scope, origin=given.origin)
        if given.file is None:
            for piece in pieces:
                sys.stdout.write(piece.text)
            return True
        entries = 0
        with _new_file(given.file) as file, terminal.progress("Exporting", total=None) as show:
            for piece in pieces:
                file.write(piece.text)
                entries += piece.entries
                show(entries, entries)
    terminal.say(f"{entries:,} entries are in {given.file}.")
    terminal.answer({"entries": entries, "file": str(given.file)})
    return True


class _Read:
    """The pieces of a file, and how many bytes of it were read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._file.read(PIECE):
            self.bytes += len(piece)
            yield piece


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """A file that only its owner may read, and that is there once it is whole."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "w", encoding="utf-8", newline="", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        yield file
    part.replace(path)


def _tell(done: Imported, tally: _Tally, terminal: Terminal) -> None:
    what = "would come of" if done.dry_run else "came of"
    terminal.say(f"{done.rows:,} rows, format {done.format}. This {what} them:")
    terminal.table(
        ("rows", "verdict", "meaning"),
        [(f"{count:,}", name.value, _MEANING[name]) for name, count in done.counts.items() if count],
        indent=2,
    )
    if tally.refused:
        rows = [(one.line, one.code, one.detail) for one in tally.refused]
        terminal.table(("line", "rule", "what it asks for"), rows, title="Refused rows", indent=2)
        if done.counts[RowVerdict.REFUSED] > len(rows):
            rest = done.counts[RowVerdict.REFUSED] - len(rows)
            terminal.say(f"{rest:,} more were refused; --report FILE tells of each row.")
    counts = {name.value: count for name, count in done.counts.items()}
    terminal.answer(
        {
            "id": done.id,
            "dry_run": done.dry_run,
            "format": done.format,
            "rows": done.rows,
            **counts,
            "rules": dict(tally.rules),
        }
    )


def import_arguments(parser: ArgumentParser) -> None:
    """Which file, and how it is read."""
    parser.add_argument("file", metavar="FILE", help="CSV or JSON; - reads standard input")
    parser.add_argument("--format", choices=list(FileFormat), type=FileFormat, default=FileFormat.AUTO)
    parser.add_argument(
        "--list",
        choices=list(VendorList),
        type=VendorList,
        help="which list of the vendor, where its columns cannot tell",
    )
    parser.add_argument("--scope", help="of every row, whatever it says: *, APP or APP/STREAM")
    parser.add_argument("--fresh", action="store_true", help="rows without a time are as new as today")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, tell what would come of each row")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the verdict on every row here, as CSV")
    add_data_option(parser)


def export_arguments(parser: ArgumentParser) -> None:
    """Which entries, and where to."""
    parser.add_argument("--file", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--scope", help="only this one")
    parser.add_argument("--origin", choices=[origin.value for origin in Origin])
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("suppressions", "import"),
        summary="take a file into the list: an export, or a list of SES, SendGrid, Mailgun or Postmark",
        example="./postern suppressions import bounces.csv --format sendgrid --list bounces --dry-run",
        detail="Nothing on the list is weakened, and nobody comes back who was taken off it since. When it was broken\n"
        "off, run it again: what is on the list already changes nothing.",
        arguments=import_arguments,
        run=take_in,
    ),
    Command(
        words=("suppressions", "export"),
        summary="write the live entries to a CSV file that can be imported again",
        example="./postern suppressions export --file suppressions.csv",
        arguments=export_arguments,
        run=give_out,
    ),
)
