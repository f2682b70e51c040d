"""`postern bench`: run the benchmarks of the package `bench`, which need the same packages as the tests."""

import argparse
import subprocess
import sys
from argparse import ArgumentParser, Namespace

from app.cli.shell.command import Command
from app.cli.shell.operated_gateway import CHECKOUT, isolate
from app.cli.shell.terminal import Terminal


def run(given: Namespace, _terminal: Terminal) -> bool:
    """Run the benchmarks in the checkout, with the remaining arguments."""
    isolate()
    words = [*given.words, *(["--json"] if given.json else [])]
    return subprocess.call([sys.executable, "-m", "bench", *words], cwd=CHECKOUT) == 0  # noqa: S603 - our own


def arguments(parser: ArgumentParser) -> None:
    """The benchmark, and its options."""
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="BENCHMARK ...", help="such as `drain --runs 3`")


COMMAND = Command(
    words=("bench",),
    summary="measure Postern against a baseline in the same run",
    example="./postern bench drain --emails 4000 --runs 3",
    detail="The benchmarks are drain, accept, mixed, stages, latency, webhook, deliveries, suppressions, pace and\n"
    "outage; `all` runs all of these. disk, growth, memory, pages, retention and sweeps take long and run only by\n"
    "name. Each has --quick, --strict (exit with 1 when a goal is missed) and the options that\n"
    "`./postern bench drain --help` shows. They run on Linux only, start servers of their own, and use no setting\n"
    "of the environment or .env. `drain --django` adds django-ses as a further baseline, and installs it in an\n"
    "environment of its own.",
    arguments=arguments,
    run=run,
)
