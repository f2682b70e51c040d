"""`python -m tests.mutants.systematic`: put each fault of the operators into its module, and run the tests.

It prints the faults that survived and are not in survivors.toml, and ends with 1 if there are any. With `--sample N` it
takes, from the chosen modules, the N faults that a number drawn from their names puts first: the same ones until the
code changes. They run in that order, so that `--seconds` leaves out no area more than another.
"""

import argparse
import hashlib
import importlib
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.faults import Fault, Name, config, faults_of, survivors
from tests.mutants.host import ALL_AT_MOST_S, TESTS_PASSED, Nurseries, open_nurseries

LEAST_PATIENCE_S, TIMES_AS_LONG = 15.0, 4.0


class BadTests(Exception):
    """The tests of a module cannot prove anything; the text gives the reason."""


def main(words: Sequence[str]) -> int:
    """Run the requested faults; return 1 if one survived that is not listed."""
    given = _parser().parse_args(words)
    modules = given.modules or list(config()["gone_through" if given.sample else "modules"])
    faults = [fault for file in modules for fault in faults_of(file)]
    if given.sample:
        faults = sorted(faults, key=_drawn)[: given.sample]
    for module in ("tests.conftest", "tests.support.state_space.world", "tests.support.aws.sns_signing", "flask"):
        importlib.import_module(module)  # with the libraries that they need
    tests = _files_of_tests(modules)
    with tempfile.TemporaryDirectory() as directory, open_nurseries(Path(directory), tests) as nurseries:
        began = time.monotonic()
        found = _run(nurseries, faults, deadline=began + given.seconds)
    noticed = found.run - found.listed - found.new
    _print(
        f"{found.run} of {len(faults)} faults in {time.monotonic() - began:.0f} s: {noticed} noticed, "
        f"{found.listed} survived and are listed, {found.new} survived and are not"
    )
    return int(bool(found.new))


class Found:
    """The number of faults run, and of those that survived, listed and not."""

    run = listed = new = 0


def _run(nurseries: Nurseries, faults: Sequence[Fault], *, deadline: float) -> Found:
    found, listed = Found(), survivors()
    patience: dict[str, int] = {}
    for fault in faults:
        if time.monotonic() > deadline:
            break
        file, tests = fault.name.file, config()["modules"][fault.name.file]
        if file not in patience:
            patience[file] = _patience(nurseries, file, tests)
        # Any other exit code counts as found too: a module that cannot be imported, an endless loop.
        code, _ = nurseries.run(*tests, sources={_module(file): fault.source}, at_most_s=patience[file])
        found.run += 1
        if code == TESTS_PASSED and fault.name in listed:
            found.listed += 1
        elif code == TESTS_PASSED:
            found.new += 1
            _print(_entry(fault.name))
    return found


def _patience(nurseries: Nurseries, file: str, tests: Sequence[str]) -> int:
    """How many seconds the tests of a module may take with a fault, based on their time without one."""
    began = time.monotonic()
    for nursery in (nurseries.libraries, nurseries.checkout):
        code, printed = nursery.run(*tests, sources={}, at_most_s=ALL_AT_MOST_S)
        if code != TESTS_PASSED:
            raise BadTests(f"without any fault the tests of {file} end with {code}:\n{printed[-3000:]}")
    return math.ceil(max(LEAST_PATIENCE_S, TIMES_AS_LONG * (time.monotonic() - began)))


def _entry(name: Name) -> str:
    """The fault's entry for survivors.toml, without the reason."""
    nth = f"nth = {name.nth}\n" if name.nth > 1 else ""
    return f"[[survivor]]\nfile = {name.file!r}\nwas = {name.was!r}\nbecomes = {name.becomes!r}\n{nth}"


def _files_of_tests(modules: Sequence[str]) -> set[str]:
    words = {word for module in modules for word in config()["modules"][module] if word.startswith("tests/")}
    return {word.partition("::")[0] for word in words}


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def _drawn(fault: Fault) -> str:
    return hashlib.sha256(repr(fault.name).encode()).hexdigest()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants.systematic",
        description="Put faults into modules, one at a time, and see whether their tests notice.",
        epilog="example:\n  .venv/bin/python -m tests.mutants.systematic app/domain/sending/state_machine.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("modules", nargs="*", metavar="FILE", help="of systematic.toml; default: all")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of them, the same each time")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), metavar="S", help="start no further one after that (no bound)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
