"""The faults that mutmut's operators make of a module, each named by the line that it changes and the new line.

The list of survivors uses the same names, so that moved code keeps its entries, and changed code loses them. It runs
nothing.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from libcst import Module
from mutmut.mutation.file_mutation import create_mutations

from tests.mutants.host import CHECKOUT

HERE = Path(__file__).parent
CONFIG, SURVIVORS = HERE / "systematic.toml", HERE / "survivors.toml"


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The name of a fault: `was` and `becomes` are lines without their indent, `nth` distinguishes equal ones."""

    file: str
    was: str
    becomes: str
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and the whole source of the module with it."""

    name: Name
    source: str


@cache
def config() -> dict[str, Any]:
    """The tests of each module, and the faults that are not made."""
    return tomllib.loads(CONFIG.read_text())


def survivors() -> dict[Name, str]:
    """The faults that no test has to find, each with the reason."""
    listed = tomllib.loads(SURVIVORS.read_text()).get("survivor", [])
    return {Name(one["file"], one["was"], one["becomes"], one.get("nth", 1)): one["reason"] for one in listed}


def faults_of(file: str) -> Iterator[Fault]:
    """Every fault of a module, in a fixed order, without those that leave the code unchanged or break its grammar."""
    code = (CHECKOUT / file).read_text()
    module, mutations, *_ = create_mutations(file, code)
    seen: Counter[tuple[str, str]] = Counter()
    for mutation in mutations:
        if type(mutation.original_node).__name__ in config()["never"]:
            continue
        replaced = module.deep_replace(mutation.original_node, mutation.mutated_node)
        assert isinstance(replaced, Module)
        source = replaced.code
        if source != code and _compiles(source):
            changed = _change(code, source)
            seen[changed] += 1
            yield Fault(Name(file, *changed, seen[changed]), source)


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutated", "exec")
    except SyntaxError:
        return False
    return True


def _change(old: str, new: str) -> tuple[str, str]:
    """The lines from the first to the last difference, before and after."""
    before, after = old.splitlines(), new.splitlines()
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    texts = [" ".join(map(str.strip, lines[start : len(lines) - end])) for lines in (before, after)]
    return texts[0], texts[1]


def _alike(some: list[str], others: list[str]) -> int:
    """The number of equal lines before the first difference."""
    return next(
        (number for number, (one, other) in enumerate(zip(some, others, strict=False)) if one != other),
        min(len(some), len(others)),
    )
