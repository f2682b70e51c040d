"""`python -m bench drain`: run a benchmark, print its table, and with --json one object in the last line."""

import argparse
import json
import sys
from functools import partial
from types import ModuleType

from bench import accept, drain, everything, growth, latency, memory, mixed, outage, pace, stages, suppressions, webhook
from bench.goals import Json, goal_lines
from bench.machine import Machine

BENCHMARKS: dict[str, ModuleType] = {
    "accept": accept,
    "all": everything,
    "drain": drain,
    "growth": growth,
    "latency": latency,
    "memory": memory,
    "mixed": mixed,
    "outage": outage,
    "pace": pace,
    "stages": stages,
    "suppressions": suppressions,
    "webhook": webhook,
}


def main() -> int:
    """Run what the command line says; 0 when it could be measured, whether or not the goals are met."""
    given = parser().parse_args()
    machine = Machine()
    _tell(f"machine: {machine.name}; medians, with the least and the most of the runs in brackets")
    result: Json = {"benchmark": given.benchmark, "machine": machine.name, **given.measure(given, _tell)}
    result["others"] = round(machine.others, 3)
    for line in goal_lines(result["goals"]):
        _tell(line)
    _tell(f"meanwhile others took {result['others']:.0%} of this machine's CPU")
    if given.json:
        _tell(json.dumps(result))
    missed = given.strict and not all(goal["met"] for goal in result["goals"])
    return int(missed or bool(result.get("failed")))


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
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
        one.add_argument("--json", action="store_true", help="tell the result as one JSON object, in the last line")
        one.add_argument(
            "--strict", action="store_true", help="end with 1 when a goal is missed, not only when it breaks"
        )
        one.set_defaults(measure=module.measure)
    return whole


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
