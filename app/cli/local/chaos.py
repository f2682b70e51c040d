"""`postern chaos`: run the drill of `tests.chaos` from the command line."""

import os
import sys
from argparse import ArgumentParser, Namespace

from app.cli.shell.command import Command, UsageMistake
from app.cli.shell.operated_gateway import CHECKOUT, assume, isolate
from app.cli.shell.terminal import Terminal

DATABASES = ("postgresql", "sqlite")
TRANSPORTS = ("auto", "boto3", "fast")
INTAKES = ("https", "sqs", "both")


def arguments(parser: ArgumentParser) -> None:
    """The options, which are those of the drill."""
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many runs (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="N", help="the seed of the first (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="how long each lasts (%(default)s)")
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0], help="the database (%(default)s)")
    parser.add_argument("--transport", choices=TRANSPORTS, default=TRANSPORTS[0], help="the way to SES (%(default)s)")
    parser.add_argument("--intake", choices=INTAKES, default=INTAKES[0], help="how notifications come (%(default)s)")
    parser.add_argument("--rate", type=float, default=44.0, metavar="N", help="emails offered a second (%(default)s)")
    parser.add_argument(
        "--drain", type=float, default=60.0, metavar="S", help="how long settling may take after that (%(default)s)"
    )
    parser.add_argument("--lossy", action="store_true", help="also lose some of SES's events")
    parser.add_argument("--keep", action="store_true", help="keep all files, which are kept anyway if a promise broke")


def run(given: Namespace, _terminal: Terminal) -> bool:
    """Replace this process with the drill, whose exit status is that of the command."""
    if given.seeds < 1 or given.seconds < 10 or given.rate <= 0:
        raise UsageMistake("a drill has at least one seed, 10 seconds and a rate above 0")
    chosen = {
        "--seeds": given.seeds,
        "--first-seed": given.first_seed,
        "--seconds": given.seconds,
        "--database": given.database,
        "--transport": given.transport,
        "--intake": given.intake,
        "--rate": given.rate,
        "--drain": given.drain,
    }
    words = [str(word) for option in chosen.items() for word in option]
    words += [f"--{name}" for name in ("lossy", "keep", "json") if getattr(given, name)]
    isolate()
    assume({"PYTHONPATH": str(CHECKOUT)})
    os.chdir(CHECKOUT)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tests.chaos", *words])  # noqa: S606 - handing over


COMMAND = Command(
    words=("chaos",),
    summary="attack a gateway of its own while it sends emails, and check every promise",
    detail=(
        "Starts a real database, Valkey, web, SMTP door, workers and a simulator of SES on loopback, and offers\n"
        "emails by each door. Kills, freezes and cuts off all of them by a plan that follows from the seed, and\n"
        "waits until every email is settled. Then compares the responses to clients, the database and the calls\n"
        "that SES accepted. Fails when an email was lost, sent twice or sent to a suppressed address. A run of\n"
        "300 seconds has about a hundred faults. It uses no setting of the environment or .env."
    ),
    example="./postern chaos --seeds 5 --seconds 300",
    arguments=arguments,
    run=run,
)
