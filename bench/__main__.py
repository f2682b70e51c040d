"""`python -m bench drain`: run a benchmark and print its table; with --json, print one object as the last line."""

import argparse
import json
import signal
import sys
from functools import partial
from types import FrameType, ModuleType

from app import telemetry
from app.cli.shell.operated_gateway import isolate
from bench.measure.goals import Json, goal_lines
from bench.measure.machine import Machine
from bench.modes import (
    accept,
    deliveries,
    drain,
    everything,
    growth,
    latency,
    memory,
    mixed,
    outage,
    pace,
    retention,
    stages,
    suppressions,
    sweeps,
    webhook,
)
from bench.modes.history import disk, pages

BENCHMARKS: dict[str, ModuleType] = {
    "accept": accept,
    "all": everything,
    "deliveries": deliveries,
    "disk": disk,
    "drain": drain,
    "growth": growth,
    "latency": latency,
    "memory": memory,
    "mixed": mixed,
    "outage": outage,
    "pace": pace,
    "pages": pages,
    "retention": retention,
    "stages": stages,
    "suppressions": suppressions,
    "sweeps": sweeps,
    "webhook": webhook,
}

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130


def main() -> int:
    """Run the chosen benchmark; return 0 when it ran, 1 when --strict is given and a goal is missed, 130 when stopped.

    SIGINT and SIGTERM stop it, and the processes that it started.
    """
    given = parser().parse_args()
    isolate()
    telemetry.configure("WARNING")
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        return _measure(given)
    except KeyboardInterrupt:
        sys.stderr.write("bench: stopped without a result\n")
        return INTERRUPTED


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End the benchmark and its processes. A second signal does not break that off."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _measure(given: argparse.Namespace) -> int:
    machine = Machine()
    _print(f"machine: {machine.name}; medians, with the minimum and maximum of the runs in brackets")
    result: Json = {"benchmark": given.benchmark, "machine": machine.name, **given.measure(given, _print)}
    result["others"] = round(machine.others, 3)
    for line in goal_lines(result["goals"]):
        _print(line)
    _print(f"meanwhile other processes took {result['others']:.0%} of this machine's CPU")
    if given.json:
        _print(json.dumps(result))
    missed = given.strict and not all(goal["met"] for goal in result["goals"])
    return int(missed or bool(result.get("failed")))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(prog="postern bench", description="Measure Postern against baselines.")
    benchmarks = whole.add_subparsers(title="benchmarks", required=True, dest="benchmark")
    for name, module in BENCHMARKS.items():
        summary, _, detail = (module.__doc__ or "").partition("\n")
        one = benchmarks.add_parser(
            name,
            help=summary,
            description=f"{summary}\n{detail}",
            epilog=f"example:\n  ./postern bench {name} --json",
            formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=100),
        )
        module.add_options(one)
        one.add_argument("--json", action="store_true", help="print the result as one JSON object, as the last line")
        one.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed, not only on failure")
        one.set_defaults(measure=module.measure)
    return whole


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
