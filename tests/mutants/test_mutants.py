"""Every seeded fault is noticed: the tests are run on a copy of the checkout that has it, and have to fail there.

That the same tests pass on a copy without any fault is shown once, so that none fails for another reason.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutant import Mutant
from tests.mutants.seeded import MUTANTS

CHECKOUT = Path(__file__).resolve().parents[2]
COPIED = ("app", "worker", "simulator", "migrations", "tests", "config.py", "wsgi.py", "pyproject.toml")
TESTS_FAILED = 1  # of pytest's exit codes; a test that is not found, or cannot be imported, has others


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the tests need, compiled files included: with those of the checkout, most is compiled already."""
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy2(source, tmp_path / name)
    return tmp_path


def run(checkout: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests of a checkout in a process of their own, until the first failure."""
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)
    return subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True, timeout=120)


def seed(mutant: Mutant, checkout: Path) -> None:
    """Put the fault into the copy."""
    file = checkout / mutant.file
    text = file.read_text()
    for old, new in mutant.edits:
        assert text.count(old) == 1, f"{mutant.file} has changed: {old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    file.write_text(text)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_fault_is_noticed(copy: Path, mutant: Mutant) -> None:
    """With the fault in the code, the tests that are there for it fail."""
    seed(mutant, copy)
    ran = run(copy, mutant.killed_by)
    assert ran.returncode == TESTS_FAILED, f"{mutant.name} survived\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    assert re.search(r"^1 failed", ran.stdout, re.MULTILINE), ran.stdout[-2000:]


def test_without_a_fault_the_same_tests_pass(copy: Path) -> None:
    """So what fails above fails for the fault."""
    ran = run(copy, *sorted({mutant.killed_by for mutant in MUTANTS}))
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_there_are_enough_faults() -> None:
    """Sixteen at least, each with a name of its own."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16
