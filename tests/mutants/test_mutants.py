"""Every seeded fault is found: the tests run on code with the fault, and have to fail there.

Without a fault the same tests pass, or the suite that they are part of fails. That they pass in the nurseries too is
shown by one of each kind: the servers and fixtures may differ there, and a failed fixture is no failed test.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants.host import CHECKOUT, TESTS_FAILED, TESTS_PASSED, Nurseries, open_nurseries
from tests.mutants.mutant import Mutant
from tests.mutants.seeded.catalogue import MUTANTS
from tests.support.servers.servers import SERVERS, Postgres


@pytest.fixture(scope="module")
def nurseries(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    valkey_url: str,
    postgres_template: str,
    sqlite_template: Path,
) -> Iterator[Nurseries]:
    """Their children use the servers of this process, and its migrated databases as templates."""
    lent = {
        "postgres": str(postgres.sockets),
        "valkey": valkey_url,
        "postgres_template": postgres_template,
        "sqlite_template": str(sqlite_template),
    }
    files = {mutant.killed_by.partition("::")[0] for mutant in MUTANTS}
    with open_nurseries(tmp_path_factory.mktemp("nurseries"), files, {SERVERS: json.dumps(lent)}) as nurseries:
        yield nurseries


def altered(mutant: Mutant) -> dict[str, str]:
    """The names of the modules with the fault, and their source."""
    sources = {}
    for file, edits in ((mutant.file, mutant.edits), *mutant.elsewhere):
        text = (CHECKOUT / file).read_text()
        for old, new in edits:
            assert text.count(old) == 1, f"{file} has changed: {old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        sources[file.removesuffix(".py").replace("/", ".")] = text
    return sources


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_fault_is_noticed(nurseries: Nurseries, mutant: Mutant) -> None:
    """With the fault in the code, the tests for it fail."""
    code, printed = nurseries.run(mutant.killed_by, sources=altered(mutant))
    assert code == TESTS_FAILED, f"{mutant.name} survived\n{printed[-4000:]}"
    assert re.search(r"^1 failed", printed, re.MULTILINE), printed[-2000:]


def of_each_kind() -> dict[str, str]:
    """One of the tests for each kind of test and each database."""
    found: dict[str, str] = {}
    for test in sorted((mutant.killed_by for mutant in MUTANTS if "::" in mutant.killed_by), reverse=True):
        database = next((name for name in ("sqlite", "postgresql") if f"[{name}" in test), "")
        found[f"{test.split('/')[1]} {database}".strip()] = test
    return found


@pytest.mark.parametrize("test", of_each_kind().values(), ids=of_each_kind())
def test_without_a_fault_a_test_passes_there_too(nurseries: Nurseries, test: str) -> None:
    """So a failure above is caused by the fault."""
    for nursery in (nurseries.libraries, nurseries.checkout):
        code, printed = nursery.run(test, sources={})
        assert code == TESTS_PASSED, printed[-4000:]


def test_there_are_enough_faults() -> None:
    """At least sixteen, each with a name of its own."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16
