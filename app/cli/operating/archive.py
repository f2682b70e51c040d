"""`postern archive`: move old emails to files, and check such files."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from app.cli.shell.command import Command, CommandFailed, add_data_option
from app.cli.shell.filters import moment
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.moments import read_since
from app.services.operating.archive.archive import verify

DETAIL = """\
Each email goes with its recipients, calls and events, except those that wait and those whose body is kept. A batch is
on the disk before it is deleted, so the command may be interrupted at any moment and run again. The files hold
addresses. `forget` does not change them. The audit has when a run began to delete, and what it moved in all."""


def write(given: Namespace, terminal: Terminal) -> bool:
    """Move emails to files."""
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Archiving…") as status:
        moved = gateway.archive.write(
            caller,
            given.to,
            before=given.before,
            progress=lambda emails: status.update(f"Archiving: {emails:,} emails…"),
        )
    terminal.say(f"Moved {moved.emails:,} emails, {moved.recipients:,} recipients, {moved.events:,} events.")
    terminal.answer(asdict(moved))
    return True


def check(given: Namespace, terminal: Terminal) -> bool:
    """Check the files."""
    if not given.directory.is_dir():
        raise CommandFailed("there is no archive: name its directory")
    found = verify(given.directory)
    rows = [(one.day, one.counts.emails, one.counts.events, one.fault or "as written") for one in found]
    terminal.table(("day", "emails", "events", "files"), rows, empty="The archive is empty.")
    terminal.answer({"days": [asdict(one) for one in found]})
    return not any(one.fault for one in found)


def write_arguments(parser: ArgumentParser) -> None:
    """The time and the directory."""
    when = "emails accepted before this day or moment, at least 60 days ago"
    parser.add_argument("--before", type=moment(read_since), required=True, metavar="DATE", help=when)
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="the directory of the archive")
    add_data_option(parser)


def check_arguments(parser: ArgumentParser) -> None:
    """The directory."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="the directory of the archive")


COMMANDS = (
    Command(
        words=("archive", "write"),
        summary="move old emails from the database to files",
        example="./postern archive write --before 2026-01-01 --to /var/backups/postern",
        detail=DETAIL,
        arguments=write_arguments,
        run=write,
        default=True,
    ),
    Command(
        words=("archive", "verify"),
        summary="check the files of an archive against their manifests",
        example="./postern archive verify /var/backups/postern",
        arguments=check_arguments,
        run=check,
    ),
)
