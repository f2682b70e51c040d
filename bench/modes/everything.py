"""All: the benchmarks of speed, one after another, each a process of its own; then one table of all their goals.

Those in which one transport is chosen are run by both. What grows, and memory, take long and are asked for by name.
With `--quick` it is under five minutes on two cores, and says little: so few mails, once, show that everything runs.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Final

from bench.goals import Json

RUNS: Final = (
    "drain",
    "accept",
    "mixed",
    "stages",
    "latency",
    "latency --transport fast",
    "webhook",
    "suppressions",
    "pace",
    "outage",
    "outage --transport fast",
)
APART: Final = ("growth", "memory")
"""The benchmarks that are not among them."""


def add_options(parser: ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--quick", action="store_true", help="each in its quick form")


def measure(given: Namespace, tell: Callable[[str], None]) -> Json:
    """Run them all, tell what each tells, and answer with their goals and what each came to.

    One that breaks is named under `failed`, and the others are run all the same.
    """
    results = {run: _run(run, quick=given.quick, tell=tell) for run in RUNS}
    tell("\nall goals:")
    return together(results)


def together(results: dict[str, Json | None]) -> Json:
    """One answer out of those of all benchmarks; None is of one that broke."""
    ended = {name: result for name, result in results.items() if result is not None}
    return {
        "goals": [goal for result in ended.values() for goal in result["goals"]],
        "benchmarks": ended,
        "failed": [name for name, result in results.items() if result is None],
    }


def _run(run: str, *, quick: bool, tell: Callable[[str], None]) -> Json | None:
    tell(f"\n{run}:")
    words = (sys.executable, "-m", "bench", *run.split(), "--json", *(("--quick",) if quick else ()))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        last = ""
        for line in process.stdout or ():
            if last:
                tell(last)
            last = line.rstrip("\n")
    if process.returncode:
        tell(f"{last}\n{run} ended with {process.returncode}")
        return None
    result: Json = json.loads(last)
    return result
