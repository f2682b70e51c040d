"""Every seeded fault is noticed: the tests are run on code that has it, and have to fail there.

That the same tests pass on the code without any fault is shown once, so that none fails for another reason.
"""

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.seeded import MUTANTS

CHECKOUT = Path(__file__).resolve().parents[2]
TESTS_FAILED = 1  # of pytest's exit codes; a test that is not found, or cannot be imported, has others


class Nursery:
    """The process that `nursery.py` is, and a file for what its children say."""

    def __init__(self, process: "subprocess.Popen[str]", output: Path) -> None:
        self._process, self._output = process, output

    def say(self, what: object) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def run(self, *tests: str, sources: dict[str, str]) -> tuple[int, str]:
        """Run tests with other source in the named modules; pytest's exit code, and what it said."""
        assert self._process.stdout is not None
        self.say({"checkout": str(CHECKOUT), "sources": sources, "tests": tests, "output": str(self._output)})
        code = self._process.stdout.readline()
        return int(code), self._output.read_text()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    command = (sys.executable, "-P", str(Path(__file__).with_name("nursery.py")))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        nursery = Nursery(process, tmp_path_factory.mktemp("nursery") / "output")
        nursery.say(libraries())
        yield nursery


def libraries() -> list[str]:
    """The modules that this process has imported from packages, which is what the tests need."""
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    return [name for name, file in files.items() if file.startswith(sysconfig.get_path("purelib"))]


def altered(mutant: Mutant) -> dict[str, str]:
    """The name of the module that has the fault, and its source."""
    text = (CHECKOUT / mutant.file).read_text()
    for old, new in mutant.edits:
        assert text.count(old) == 1, f"{mutant.file} has changed: {old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return {mutant.file.removesuffix(".py").replace("/", "."): text}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_fault_is_noticed(nursery: Nursery, mutant: Mutant) -> None:
    """With the fault in the code, the tests that are there for it fail."""
    code, told = nursery.run(mutant.killed_by, sources=altered(mutant))
    assert code == TESTS_FAILED, f"{mutant.name} survived\n{told[-4000:]}"
    assert re.search(r"^1 failed", told, re.MULTILINE), told[-2000:]


def test_without_a_fault_the_same_tests_pass(nursery: Nursery) -> None:
    """So what fails above fails for the fault."""
    code, told = nursery.run(*sorted({mutant.killed_by for mutant in MUTANTS}), sources={})
    assert code == 0, told[-4000:]


def test_there_are_enough_faults() -> None:
    """Sixteen at least, each with a name of its own."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16
