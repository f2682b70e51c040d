"""The fixtures of the tests with infrastructure as companies have it, and the table of what they found.

`./postern test --infrastructure` runs them, and only them. Each piece is a program of Debian's; a test whose program is
missing is skipped, and names the package.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from app.cli.shell.data_dir import DataDir
from tests.chaos.stage.machines import Keeper
from tests.chaos.stage.networks import Networks
from tests.chaos.stage.site import Site
from tests.infrastructure.drilled import Found

TABLE: Final = "infrastructure"
_COLUMNS: Final = ("piece", "what was done to it", "accepted", "lost", "twice", "no accept, s", "no send, s")

Report = Callable[[str, str, Found], None]


@pytest.fixture
def root(services: Path) -> Iterator[Path]:
    """An empty folder with a path that is short enough for sockets, which PostgreSQL's user may enter."""
    with TemporaryDirectory(dir=services) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    """Where a test starts a piece without a gateway on it."""
    (root / "logs").mkdir()
    with Networks() as networks, Keeper() as keeper:
        yield Site(root=root, data=DataDir(root / "gateway"), networks=networks, keeper=keeper)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Add a row to the table: the piece with its version, what was done to it, and what a drill found."""

    def add(piece: str, done: str, found: Found) -> None:
        record_property(TABLE, [piece, done, *found.figures()])

    return add


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, whichever process ran the tests."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [row for one in reports for name, row in one.user_properties if name == TABLE]
    if rows:
        terminalreporter.section(TABLE)
        for row in [_COLUMNS, *sorted(rows)]:
            terminalreporter.write_line(" | ".join(map(str, row)))
