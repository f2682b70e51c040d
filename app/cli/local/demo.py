"""`postern demo`: a gateway of its own, the whole story on it, and an end."""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape

from app.cli.command import Command, CommandFailed
from app.cli.data_dir import DataDir
from app.cli.embedded import sole_user_of
from app.cli.probes import free_port
from app.cli.start import Ports, start
from app.cli.story import Story, read_guests
from app.cli.supervise import Supervisor
from app.cli.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep what it makes here; default: a directory that is removed"
    )


def run(given: Namespace, terminal: Terminal) -> bool:
    """Start, play, stop, and tell the counts; True when the ledger agrees with the database."""
    counts: dict[str, int | bool] = {}
    with data_directory(given.data) as data, sole_user_of(data.path):
        with Supervisor(data.logs, announce=lambda line: terminal.say(escape(line))) as supervisor:
            with terminal.waiting("Starting") as status:
                ports = Ports(gateway=free_port(), simulator=free_port())
                ready = start(supervisor, data, ports, tell=lambda part: status.update(f"Starting {part}"))
            terminal.say(
                "A gateway with its workers and a simulator of SES and SNS is up, on loopback, for this demo.\n"
                "No mail leaves this machine."
            )
            counts = Story(ready, terminal, tend=supervisor.tend).play(read_guests())
        if supervisor.stopped_by is not None:
            raise CommandFailed(f"the demo was stopped by {supervisor.stopped_by.name} before its end")
    terminal.say("\nEverything has stopped. `./postern up` starts the same gateway and keeps it running.")
    terminal.answer(counts)
    return counts["ledger_agrees"] is True


@contextmanager
def data_directory(chosen: Path | None) -> Iterator[DataDir]:
    """The directory that is chosen, else one that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="postern-demo-", ignore_cleanup_errors=True) as directory:
        data = DataDir(chosen or Path(directory))
        data.make()
        yield data


COMMAND = Command(
    words=("demo",),
    summary="play the main job from end to end, on parts of its own, and stop",
    detail=(
        "Invites the people of a shipped list, one of whom has gone and one of whom complains; waits for the\n"
        "signed feedback, shows who is suppressed, tries them again, lets one in again, and compares SES's\n"
        "ledger with the database. With --json the counts are the last line. On SQLite and an embedded\n"
        "Valkey; set DATABASE_URL and REDIS_URL for PostgreSQL and Redis, never to those of production."
    ),
    example="./postern demo --json",
    arguments=arguments,
    run=run,
)
