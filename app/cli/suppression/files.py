"""`postern suppressions import` and `export`: read the suppression list from a file, or write it to one."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal, harmless
from app.domain.csv_text import written
from app.domain.suppression.files.file_text import PIECE
from app.domain.suppression.files.formats import Reading
from app.domain.suppression.files.rows import RowVerdict
from app.domain.suppression.files.vendor_rows import FileFormat, VendorList
from app.domain.suppression.rules import Origin
from app.services.suppression.files.import_batch import RowResult
from app.services.suppression.files.import_list import How, Imported

STDIN: Final = "-"
SHOWN: Final = 20
"""How many refused rows are shown; the report has all of them."""

_MEANING = {
    RowVerdict.ADDED: "added to the list",
    RowVerdict.REPLACED: "replaced a shorter or weaker entry",
    RowVerdict.KEPT: "on the list already",
    RowVerdict.REMOVED_SINCE: "unsuppressed after the row's time, or at any time where the row has none",
    RowVerdict.OVER: "expired already",
    RowVerdict.REFUSED: "broke a rule",
}


class _Tally:
    """Counts the rows as they come: writes each to the report, shows their number, keeps the first `SHOWN` refused."""

    def __init__(self, report: IO[str] | None, show: Callable[[int], None]) -> None:
        self._report = report
        self._show = show
        self.rows = 0
        self.refused: list[RowResult] = []
        self.rules: Counter[str] = Counter()

    def __call__(self, results: Sequence[RowResult]) -> None:
        self.rows += len(results)
        refused = [one for one in results if one.verdict is RowVerdict.REFUSED]
        self.refused += refused[: SHOWN - len(self.refused)]
        self.rules.update(one.code for one in refused)
        if self._report is not None:
            self._report.write(written((str(one.line), one.verdict, one.code, one.detail) for one in results))
        self._show(self.rows)


def take_in(given: Namespace, terminal: Terminal) -> bool:
    """Import a file into the list."""
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
        done = gateway.import_list(caller, read, how, report=tally)
    _show(done, tally, terminal)
    if done.counts[RowVerdict.REFUSED] and not given.skip_refused:
        terminal.say("Refused rows make this a failure; --skip-refused accepts that they are left out.")
        return False
    return True


def give_out(given: Namespace, terminal: Terminal) -> bool:
    """Write the list to a file, or to standard output."""
    if given.json and given.file is None:
        raise UsageMistake("--json needs --file: standard output cannot hold the list and the result")
    with operated_gateway(given.data) as (gateway, caller):
        pieces = gateway.export_list(caller, scope=given.scope, origin=given.origin)
        if given.file is None:
            for piece in pieces:
                sys.stdout.write(harmless(piece.text) if sys.stdout.isatty() else piece.text)
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
    """The pieces of a file, and how many of its bytes were read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._file.read(PIECE):
            self.bytes += len(piece)
            yield piece


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """A file that only its owner may read, and that appears under its name once it is whole."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "w", encoding="utf-8", newline="", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        yield file
    part.replace(path)


def _show(done: Imported, tally: _Tally, terminal: Terminal) -> None:
    what = "Nothing was changed. The verdicts would be" if done.dry_run else "The verdicts"
    terminal.say(f"{done.rows:,} rows, format {done.format}. {what}:")
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
            terminal.say(f"{rest:,} more were refused; --report FILE lists every row.")
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
    """The file, and how it is read."""
    parser.add_argument("file", metavar="FILE", help="CSV or JSON; - reads standard input")
    parser.add_argument("--format", choices=list(FileFormat), type=FileFormat, default=FileFormat.AUTO)
    parser.add_argument(
        "--list",
        choices=list(VendorList),
        type=VendorList,
        help="which list the file is, where its columns do not show it",
    )
    parser.add_argument("--scope", help="the scope of every row, whatever the row says: *, APP or APP/STREAM")
    parser.add_argument("--fresh", action="store_true", help="read a row without a time as if it were from today")
    parser.add_argument("--dry-run", action="store_true", help="change nothing; show the verdict on each row")
    parser.add_argument("--skip-refused", action="store_true", help="end with 0 although rows were refused")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the verdict on every row here, as CSV")
    add_data_option(parser)


def export_arguments(parser: ArgumentParser) -> None:
    """The entries, and the file to write."""
    parser.add_argument("--file", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--scope", help="only entries in this scope")
    parser.add_argument("--origin", choices=[origin.value for origin in Origin], help="only entries of this origin")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("suppressions", "import"),
        summary="import a file into the list: an export, or the list of a vendor such as SES or Mailchimp",
        example="./postern suppressions import bounces.csv --format sendgrid --list bounces --dry-run",
        detail="An import weakens no entry, and does not suppress an address again that was unsuppressed after the\n"
        "row's time. After an interruption run it again: rows that are on the list already change nothing.\n"
        "The exit code is 1 when rows were refused: the others are imported, and the table says what each lacks.",
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
