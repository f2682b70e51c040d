"""The list of surviving faults is up to date: each is still a fault of the code, once, and has a reason."""

from collections import Counter

import pytest

from tests.mutants.faults import config, faults_of, survivors
from tests.mutants.host import CHECKOUT

LISTED = survivors()


@pytest.mark.parametrize("file", sorted({name.file for name in LISTED}))
def test_every_survivor_is_still_a_fault_of_the_code(file: str) -> None:
    """Changed code loses its entries, so that the faults they excused are judged anew."""
    made = Counter(fault.name for fault in faults_of(file))
    assert set(made.values()) == {1}
    assert sorted(name for name in LISTED if name.file == file and name not in made) == []


def test_every_survivor_has_a_reason() -> None:
    """A sentence, and a module that is checked."""
    assert [name for name, reason in LISTED.items() if len(reason.split()) < 4] == []
    assert {name.file for name in LISTED} <= set(config()["modules"])


@pytest.mark.parametrize("file", sorted(config()["modules"]))
def test_every_module_has_tests_that_exist(file: str) -> None:
    """Words that begin with a hyphen, and those after them, are options of pytest."""
    assert (CHECKOUT / file).is_file()
    tests = [word.partition("::")[0] for word in config()["modules"][file] if word.startswith("tests/")]
    assert tests
    assert [test for test in tests if not (CHECKOUT / test).is_file()] == []


def test_a_fault_is_named_by_its_line() -> None:
    """Both lines as in the code, without their indent; equal ones are counted."""
    [fault] = [
        one
        for one in faults_of("app/domain/apps/callers.py")
        if one.name.was == "return scope in self.scopes or self.is_admin" and " and " in one.name.becomes
    ]
    assert fault.name.becomes == "return scope in self.scopes and self.is_admin"
    assert fault.name.becomes in fault.source
