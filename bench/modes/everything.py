"""All: the benchmarks of speed, one after another, each in its own process; then one table of all their goals.

Benchmarks with a choice of transport run with both. Those of years of history, growth and memory take long and run only
by name. With `--quick` all of it takes under five minutes on two cores. So few emails in one round show only that it
runs.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from typing import Final

from bench.measure.goals import Json

RUNS: Final = (
    "drain",
    "accept",
    "mixed",
    "stages",
    "latency",
    "latency --transport fast",
    "webhook",
    "deliveries",
    "suppressions",
    "pace",
    "outage",
    "outage --transport fast",
)
APART: Final = ("disk", "growth", "memory", "pages", "retention", "sweeps")
"""The benchmarks that `all` leaves out."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--quick", action="store_true", help="each in its quick form")


def measure(given: Namespace, say: Callable[[str], None]) -> Json:
    """Run them all, pass on their output, and return their goals and results.

    One that fails is named under `failed`; the others still run.
    """
    results = {run: _run(run, quick=given.quick, say=say) for run in RUNS}
    say("\nall goals:")
    return together(results)


def together(results: dict[str, Json | None]) -> Json:
    """Combine the results of all benchmarks into one; None stands for one that failed."""
    ended = {name: result for name, result in results.items() if result is not None}
    return {
        "goals": [goal for result in ended.values() for goal in result["goals"]],
        "benchmarks": ended,
        "failed": [name for name, result in results.items() if result is None],
    }


def _run(run: str, *, quick: bool, say: Callable[[str], None]) -> Json | None:
    say(f"\n{run}:")
    words = (sys.executable, "-m", "bench", *run.split(), "--json", *(("--quick",) if quick else ()))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            last = _passed_on(process.stdout or (), say)
        except KeyboardInterrupt:
            process.terminate()
            raise
    if process.returncode:
        say(f"{last}\n{run} ended with {process.returncode}")
        return None
    result: Json = json.loads(last)
    return result


def _passed_on(lines: Iterable[str], say: Callable[[str], None]) -> str:
    """Print all lines but the last, which is returned."""
    last = ""
    for line in lines:
        if last:
            say(last)
        last = line.rstrip("\n")
    return last
