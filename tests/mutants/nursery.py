"""A process that runs tests on code with a fault, each time in a child with much already imported.

Importing takes longer than most tests. The process imports what it is asked to, once; a fault gets into a child in one
of two ways, and no file changes:

- Its module is not imported yet: the child imports it from other source than that in its file.
- Its module is imported: the functions get the code of the other source. Where the fault is not in the body of a
  function, the child runs nothing and ends with `NOT_IN_PLACE`.

It is run as a file, and imports nothing of the checkout by itself.
"""

import ast
import gc
import importlib
import json
import os
import signal
import sys
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from inspect import CO_OPTIMIZED
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisSideeffectWarning
from hypothesis.strategies import integers

ALREADY_IMPORTED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
# For a traceback of its own pytest resolves the path of every module: a third of a child's time.
OPTIONS = ("-q", "-x", "--tb", "native", "-p", "no:cacheprovider", "-W", ALREADY_IMPORTED)
NOT_IN_PLACE = 87

Place = tuple[str, int, str]  # file, first line, qualified name


class Altered(SourceFileLoader):
    """Loads a module from given source."""

    def __init__(self, module: str, file: str, source: str) -> None:
        super().__init__(module, file)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source anew, and store the result nowhere."""
        return self.source_to_code(self._source.encode(), self.path)


class Alter:
    """Finds modules before every other finder, and gives the named ones other source."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module, if it is a named one."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._sources else None
        if spec is not None and spec.origin is not None:
            spec.loader = Altered(fullname, spec.origin, self._sources[fullname])
        return spec


class Imported:
    """The functions of the modules that are imported by now."""

    def __init__(self) -> None:
        self._at: defaultdict[Place, list[FunctionType]] = defaultdict(list)
        for one in gc.get_objects():
            # An object of a library may pretend to have another class, and fail when it is asked for it.
            if type(one) is FunctionType:
                self._at[place_of(one.__code__)].append(one)

    def alter(self, module: str, source: str) -> bool:
        """Give the functions of a module the code of other source, or return False: more than bodies differs."""
        file = str(sys.modules[module].__file__)
        old = Path(file).read_text()
        if without_bodies(old) != without_bodies(source):
            return False
        for was, becomes in zip(functions_in(old, file), functions_in(source, file), strict=True):
            functions = self._at[place_of(was)] if was != becomes else []
            if was != becomes and (not functions or was.co_freevars != becomes.co_freevars):
                return False
            for function in functions:
                function.__code__ = becomes
        return True


def place_of(code: CodeType) -> Place:
    """Where the code was written."""
    return code.co_filename, code.co_firstlineno, code.co_qualname


def without_bodies(source: str) -> str:
    """What of a module runs when it is imported."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
    return ast.dump(tree)


def functions_in(source: str, file: str) -> list[CodeType]:
    """The code of the functions of a module and its classes, in order, without those inside of functions."""
    return list(_functions_in(compile(source, file, "exec")))


def _functions_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_flags & CO_OPTIMIZED:
            yield constant
        elif isinstance(constant, CodeType):
            yield from _functions_in(constant)


def run(imported: Imported, directory: str, *, sources: dict[str, str], tests: list[str], output: str) -> int:
    """Run tests until the first failure, with their output in a file; return pytest's exit code, or `NOT_IN_PLACE`.

    What they write goes to the directory. In one that it chooses, pytest deletes what others wrote before, and fails
    when another process does so at the same time.
    """
    if not all(imported.alter(module, source) for module, source in sources.items() if module in sys.modules):
        return NOT_IN_PLACE
    sys.meta_path.insert(0, Alter(sources))
    printed, nothing = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(descriptor, place)
    return int(pytest.main([*OPTIONS, "--basetemp", f"{directory}/tests", *tests]))


def in_child(imported: Imported, directory: str, asked: dict[str, Any]) -> int:
    """Run it in a child for at most `at_most_s` seconds; return its exit code, or a signal's negative number."""
    at_most_s = asked.pop("at_most_s")
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    signal.alarm(at_most_s)
    code = run(imported, directory, **asked)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@settings(max_examples=1, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(integers())
def generate(_: int) -> None:
    """Have hypothesis read the constants of all modules, which it does before its first example."""


def main(checkout: str) -> None:
    """Import the modules and call the functions that the first line names; then run each further line's tests.

    The result of each is printed.
    """
    os.chdir(checkout)
    sys.path.insert(0, checkout)
    # A failure is enough: it takes longer to look for the smallest example. `tests/conftest.py` adds to these settings.
    settings.register_profile("first failure", phases=(Phase.explicit, Phase.generate))
    settings.load_profile("first failure")
    importlib.import_module("_hypothesis_pytestplugin")  # it cannot be loaded after the first example
    first = json.loads(sys.stdin.readline())
    for name in first["modules"]:
        with suppress(ImportError):
            importlib.import_module(name)
    for module, function in first["calls"]:
        getattr(importlib.import_module(module), function)()
    with warnings.catch_warnings(category=HypothesisSideeffectWarning, action="ignore"):
        generate()
    assert threading.active_count() == 1, "of many threads a child would have one"
    imported = Imported()
    gc.freeze()
    with TemporaryDirectory(prefix="postern-nursery-") as directory:
        for line in sys.stdin:
            sys.stdout.write(f"{in_child(imported, directory, json.loads(line))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
