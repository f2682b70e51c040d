"""`python -m tests.smtp_fuzz --sessions 100000`: play sessions of clients; exit status 1 when something is wrong.

A fault is shown with the seed of its session: `--first-seed SEED --sessions 1` plays it again.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

from tests.smtp_fuzz.play import Findings, fuzz
from tests.smtp_fuzz.sockets import fuzz_sockets

_WARM_UP = 5_000
_MAY_GROW_KIB = 4_096
_MOST_SHOWN = 20


def main(words: list[str]) -> int:
    """Play the requested sessions, in this process and over sockets."""
    parser = argparse.ArgumentParser(prog="python -m tests.smtp_fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=10_000, help="sessions in this process (default: 10000)")
    parser.add_argument("--sockets", type=int, default=0, help="sessions over real sockets besides (default: 0)")
    parser.add_argument("--first-seed", type=int, default=0, help="the seed of the first session (default: 0)")
    given = parser.parse_args(words)
    findings = Findings()
    seeds = range(given.first_seed, given.first_seed + given.sessions)
    fuzz(seeds[:_WARM_UP], findings=findings)
    before_kib, began = resident_kib(), time.monotonic()
    if later := seeds[_WARM_UP:]:
        fuzz(later, findings=findings)
    seconds, after_kib = time.monotonic() - began, resident_kib()
    if later:
        say(f"{len(later) / seconds:.0f} sessions a second; resident: {before_kib} KiB, then {after_kib} KiB")
    if given.sockets:
        fuzz_sockets(range(given.first_seed, given.first_seed + given.sockets), findings=findings)
    has_grown = after_kib - before_kib > _MAY_GROW_KIB
    say(f"{findings.sessions} sessions, {findings.encrypted} of them with TLS; {findings.submitted} messages submitted")
    say(f"{len(findings.faults)} faults{', and the process has grown' if has_grown else ''}")
    for seed, fault in findings.faults[:_MOST_SHOWN]:
        say(f"seed {seed}: {fault}")
    return 1 if findings.faults or has_grown else 0


def say(line: str) -> None:
    """Report a line."""
    sys.stdout.write(f"{line}\n")


def resident_kib() -> int:
    """The memory of this process, in KiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
