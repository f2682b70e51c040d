"""`postern demo`: start a gateway, play the whole story on it, and stop it."""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape

from app.cli.local.aws_behind import Intake, simulator_behind
from app.cli.local.bootstrap import Ports, start
from app.cli.local.children.embedded_valkey import sole_user_of
from app.cli.local.children.port_checks import free_port
from app.cli.local.children.supervisor import Supervisor
from app.cli.local.demo_story import Story, read_guests
from app.cli.shell.command import Command, CommandFailed
from app.cli.shell.data_dir import DataDir
from app.cli.shell.operated_gateway import add_environment_option, isolate
from app.cli.shell.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep all files here; default: a directory that is removed afterwards"
    )
    add_environment_option(parser)


def run(given: Namespace, terminal: Terminal) -> bool:
    """Start, play, stop, and show the counts; True when the ledger agrees with the database."""
    isolate(use_environment=given.use_environment)
    counts: dict[str, int | bool] = {}
    with data_directory(given.data) as data, sole_user_of(data.path):
        with Supervisor(data.logs, announce=lambda line: terminal.say(escape(line))) as supervisor:
            with terminal.waiting("Starting") as status:
                ports = Ports(gateway=free_port(), simulator=free_port())
                aws = simulator_behind(data, port=ports.simulator, url=ports.url, intake=Intake.HTTPS)
                ready = start(supervisor, data, ports, aws=aws, show=lambda part: status.update(f"Starting {part}"))
            terminal.say(
                "A gateway with its workers and a simulator of SES and SNS is up, on loopback, for this demo.\n"
                "No email leaves this machine."
            )
            counts = Story(ready, terminal, tend=supervisor.tend).play(read_guests())
        if supervisor.stopped_by is not None:
            raise CommandFailed(f"the demo was stopped by {supervisor.stopped_by.name} before its end")
    terminal.say("\nEverything has stopped. `./postern up` starts the same gateway and keeps it running.")
    terminal.answer(counts)
    return counts["ledger_agrees"] is True


@contextmanager
def data_directory(chosen: Path | None) -> Iterator[DataDir]:
    """The chosen directory, else a temporary one that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="postern-demo-", ignore_cleanup_errors=True) as directory:
        data = DataDir(chosen or Path(directory))
        data.make()
        yield data


COMMAND = Command(
    words=("demo",),
    summary="play the main job from end to end, on a gateway of its own, and stop",
    detail=(
        "Sends invitations to the people on a shipped list: one mailbox no longer exists, and one recipient\n"
        "complains. Waits for SES's signed events, shows the suppressed addresses, tries them again,\n"
        "unsuppresses one, and compares SES's ledger with the database. With --json the counts are the last\n"
        "line.\n\n"
        "Uses SQLite and an embedded Valkey, whatever the environment and .env say. To use PostgreSQL:\n"
        "  DATABASE_URL=postgresql:///postern_dev ./postern demo --use-environment\n"
        "A database that is neither empty nor made by an earlier `up` or `demo` is refused."
    ),
    example="./postern demo --json",
    arguments=arguments,
    run=run,
)
