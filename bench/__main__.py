"""`python -m bench drain`: run a benchmark, print its table, and with --json one object in the last line."""

import argparse
import json
import os
import platform
import sys
from functools import partial
from types import ModuleType

from bench import accept, drain, mixed, suppressions
from bench.goals import Json, goal_lines

BENCHMARKS: dict[str, ModuleType] = {
    "accept": accept,
    "drain": drain,
    "mixed": mixed,
    "suppressions": suppressions,
}


def main() -> None:
    """Run what the command line says."""
    given = _parser().parse_args()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    _tell(f"machine: {machine}; medians, with the least and the most of the runs in brackets")
    result: Json = {"benchmark": given.benchmark, "machine": machine, **given.measure(given, _tell)}
    for line in goal_lines(result["goals"]):
        _tell(line)
    if given.json:
        _tell(json.dumps(result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="postern bench", description="Measure Postern against baselines.")
    benchmarks = parser.add_subparsers(title="benchmarks", required=True, dest="benchmark")
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
        one.set_defaults(measure=module.measure)
    return parser


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
