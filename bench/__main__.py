"""`python -m bench drain`: run a benchmark, print its table, and with --json one object in the last line."""

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable

from bench import drain

Json = dict[str, object]


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="postern bench", description="Measure Postern against a baseline.")
    scenarios = parser.add_subparsers(title="benchmarks", required=True)
    one = scenarios.add_parser(
        "drain",
        help="queued mails sent by real workers, against a bare boto3 loop",
        description=drain.__doc__,
        epilog="example:\n  ./postern bench drain --mails 4000 --runs 3",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("--mails", type=int, default=4000, help="mails a round (default 4000)")
    one.add_argument("--runs", type=int, default=3, help="rounds (default 3)")
    one.add_argument("--latency-ms", type=int, default=60, help="what SES takes for an answer (default 60)")
    one.add_argument("--json", action="store_true", help="tell the result as one JSON object, in the last line")
    one.set_defaults(measure=_drain)
    given = parser.parse_args()
    result = given.measure(given, _tell)
    if given.json:
        sys.stdout.write(json.dumps(result) + "\n")


def _drain(given: argparse.Namespace, tell: Callable[[str], None]) -> Json:
    rounds = drain.run(mails=given.mails, runs=given.runs, latency_ms=given.latency_ms, tell=tell)
    rate = [one.postern.rate / one.bare.rate for one in rounds]
    cpu = [one.postern.cpu_per_mail / one.bare.cpu_per_mail for one in rounds]
    parts = {kind: statistics.median(one.postern.cpu[kind] for one in rounds) * 1e6 for kind in rounds[0].postern.cpu}
    bare = statistics.median(one.bare.cpu_per_mail for one in rounds) * 1e6
    tell(f"machine: {platform.machine()}, Python {platform.python_version()}; medians of {len(rounds)} rounds")
    tell(f"mails a second, as a share of the bare loop: {_spread(rate)}")
    tell(f"CPU a mail, as a multiple of the bare loop:  {_spread(cpu)}")
    tell(
        "CPU a mail in µs: "
        + ", ".join(f"{kind} {spent:.0f}" for kind, spent in parts.items())
        + f"; bare loop {bare:.0f}"
    )
    return {
        "benchmark": "drain",
        "runs": len(rounds),
        "rate_ratio": rate,
        "cpu_ratio": cpu,
        "cpu_us": parts,
        "bare_us": bare,
    }


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
