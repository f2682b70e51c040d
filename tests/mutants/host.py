"""The processes of `nursery.py`, as seen by the code that has tests run on code with a fault."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.mutants.nursery import NOT_IN_PLACE
from tests.support.libraries.made_once import make_now

CHECKOUT = Path(__file__).resolve().parents[2]
TESTS_PASSED, TESTS_FAILED = 0, 1  # of pytest's exit codes; a test that is not found, or cannot be imported, has others

AT_MOST_S, ALL_AT_MOST_S = 120, 900  # for a few tests on a busy machine, and for all of them


class Nursery:
    """One process, and a file for the output of its children."""

    def __init__(self, process: "subprocess.Popen[str]", output: Path) -> None:
        self._process, self._output = process, output

    def say(self, what: object) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def run(self, *tests: str, sources: dict[str, str], at_most_s: int = AT_MOST_S) -> tuple[int, str]:
        """Run tests with other source in the named modules; return pytest's exit code and its output.

        The code is a signal's negative number if the child was killed, as it is after `at_most_s`.
        """
        assert self._process.stdout is not None
        self.say({"sources": sources, "tests": tests, "output": str(self._output), "at_most_s": at_most_s})
        code = self._process.stdout.readline()
        return int(code), self._output.read_text()


class Nurseries:
    """Two processes: one has imported the libraries, and one all code that the tests need.

    The first can put any fault into the code, and takes a second longer for each.
    """

    def __init__(self, libraries: Nursery, checkout: Nursery) -> None:
        self.libraries, self.checkout = libraries, checkout

    def run(self, *tests: str, sources: dict[str, str], at_most_s: int = AT_MOST_S) -> tuple[int, str]:
        """As `Nursery.run`. That tests pass with a fault is believed only of a child that has imported the fault."""
        code, printed = self.checkout.run(*tests, sources=sources, at_most_s=at_most_s)
        if code in (TESTS_PASSED, NOT_IN_PLACE):
            code, printed = self.libraries.run(*tests, sources=sources, at_most_s=at_most_s)
        return code, printed


@contextmanager
def open_nurseries(
    directory: Path, tests: Iterable[str], environment: Mapping[str, str] | None = None
) -> Iterator[Nurseries]:
    """Nurseries with all libraries of this process imported, for tests of these files.

    The output of the children goes to `directory`. `environment` is added to that of this process.
    """
    needed = libraries()
    own = sorted({file.removesuffix(".py").replace("/", ".") for file in tests})
    begin_with: dict[str, dict[str, object]] = {
        "libraries": {"modules": needed, "calls": []},
        "checkout": {
            "modules": [*needed, "tests.conftest", *own],
            "calls": [(make_now.__module__, make_now.__name__)],
        },
    }
    with ExitStack() as stack:
        opened = (
            stack.enter_context(_open_nursery(directory / name, first, environment or {}))
            for name, first in begin_with.items()
        )
        yield Nurseries(*opened)


@contextmanager
def _open_nursery(output: Path, first: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[Nursery]:
    command = (sys.executable, "-P", str(Path(__file__).with_name("nursery.py")), str(CHECKOUT))
    # Its children import the checkout again and again, and without bytecode would compile all of it each time.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # To load the plugins of all libraries takes a third of a child's time; tests there need that of hypothesis alone.
    plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "_hypothesis_pytestplugin"}
    env = own | plugins | dict(environment)
    output.touch()
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        nursery = Nursery(process, output)
        nursery.say(first)
        yield nursery


def libraries() -> list[str]:
    """The modules that this process has imported from packages, which the tests need."""
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    return [name for name, file in files.items() if file.startswith(sysconfig.get_path("purelib"))]
