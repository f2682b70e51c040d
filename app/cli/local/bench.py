"""`postern bench`: hand over to the benchmarks, which live beside the tests and need what the tests need."""

import argparse
import subprocess
import sys
from argparse import ArgumentParser, Namespace

from app.cli.command import Command
from app.cli.environment import CHECKOUT
from app.cli.terminal import Terminal


def run(given: Namespace, _terminal: Terminal) -> bool:
    """Run the benchmarks with the words that follow, in the checkout."""
    words = [*given.words, *(["--json"] if given.json else [])]
    return subprocess.call([sys.executable, "-m", "bench", *words], cwd=CHECKOUT) == 0  # noqa: S603 - our own


def arguments(parser: ArgumentParser) -> None:
    """Which benchmark, and its options."""
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="BENCHMARK ...", help="such as `drain --runs 3`")


COMMAND = Command(
    words=("bench",),
    summary="measure Postern against a baseline in the same run",
    example="./postern bench drain --mails 4000 --runs 3",
    detail="Benchmarks: drain, accept, mixed, stages, latency, webhook, suppressions, pace, outage, together `all`;\n"
    "apart, since they take long: growth, memory.\n"
    "Each has --quick, --strict (1 when a goal is missed) and what `./postern bench drain --help` tells. Linux only.\n"
    "`drain --django` adds django-ses as a further baseline, and installs it in an environment of its own.",
    arguments=arguments,
    run=run,
)
