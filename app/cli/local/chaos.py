"""`postern chaos`: the drill of the tests, by the command line. It only hands over: the drill is in `tests.chaos`."""

import os
import sys
from argparse import ArgumentParser, Namespace

from app.cli.command import Command, UsageMistake
from app.cli.environment import CHECKOUT, assume
from app.cli.terminal import Terminal

DATABASES = ("postgresql", "sqlite")
TRANSPORTS = ("boto3", "fast")


def arguments(parser: ArgumentParser) -> None:
    """The options, as the drill has them."""
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many runs (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="N", help="the seed of the first (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="how long each lasts (%(default)s)")
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0], help="where mail is kept (%(default)s)")
    parser.add_argument("--transport", choices=TRANSPORTS, default=TRANSPORTS[0], help="the way to SES (%(default)s)")
    parser.add_argument("--rate", type=float, default=44.0, metavar="N", help="mails offered a second (%(default)s)")
    parser.add_argument(
        "--drain", type=float, default=60.0, metavar="S", help="how long it may take to settle all, then (%(default)s)"
    )
    parser.add_argument("--lossy", action="store_true", help="let SES's events be lost, too")
    parser.add_argument("--keep", action="store_true", help="keep all files; they are kept when a promise broke")


def run(given: Namespace, _terminal: Terminal) -> bool:
    """Become the drill; its exit status is ours."""
    if given.seeds < 1 or given.seconds < 10 or given.rate <= 0:
        raise UsageMistake("a drill has at least one seed, 10 seconds and a rate above 0")
    chosen = {
        "--seeds": given.seeds,
        "--first-seed": given.first_seed,
        "--seconds": given.seconds,
        "--database": given.database,
        "--transport": given.transport,
        "--rate": given.rate,
        "--drain": given.drain,
    }
    words = [str(word) for option in chosen.items() for word in option]
    words += [f"--{name}" for name in ("lossy", "keep", "json") if getattr(given, name)]
    assume({"PYTHONPATH": str(CHECKOUT)})
    os.chdir(CHECKOUT)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tests.chaos", *words])  # noqa: S606 - handing over


COMMAND = Command(
    words=("chaos",),
    summary="attack a gateway of its own while mail flows, and check every promise",
    detail=(
        "Starts a real database, Valkey, web, workers and a simulator of SES on loopback, offers mail, kills,\n"
        "freezes and cuts off all of them by a plan that follows from the seed, waits until all is settled,\n"
        "and compares what clients were told, what the database says and what SES took. Fails when mail was\n"
        "lost, sent twice or sent to a suppressed address. 300 seconds hold about a hundred faults."
    ),
    example="./postern chaos --seeds 5 --seconds 300",
    arguments=arguments,
    run=run,
)
