"""A process that runs tests on code with a fault, each time in a child with all libraries already imported.

Importing them takes longer than most tests. It decides how a fault gets in: the child imports a module from other
source than that in its file, so that no file changes and all other modules are compiled already. It is run as a file,
and imports nothing of the checkout itself: a child has to import all of it, including the fault.
"""

import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import pytest

ALREADY_IMPORTED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", ALREADY_IMPORTED)


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


def run(*, checkout: str, sources: dict[str, str], tests: list[str], output: str) -> int:
    """Run tests of a checkout until the first failure, with their output in a file; return pytest's exit code."""
    os.chdir(checkout)
    sys.path.insert(0, checkout)
    sys.meta_path.insert(0, Alter(sources))
    printed, nothing = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(descriptor, place)
    return int(pytest.main([*OPTIONS, *tests]))


def in_child(asked: dict[str, Any]) -> int:
    """Run it in a child for at most `at_most_s` seconds; return its exit code, or a signal's negative number."""
    at_most_s = asked.pop("at_most_s")
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    signal.alarm(at_most_s)
    code = run(**asked)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Import the modules that the first line names; then run each further line's tests and print the result."""
    for name in json.loads(sys.stdin.readline()):
        with suppress(ImportError):
            importlib.import_module(name)
    assert threading.active_count() == 1, "of many threads a child would have one"
    gc.freeze()
    for line in sys.stdin:
        sys.stdout.write(f"{in_child(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
