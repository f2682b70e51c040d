"""The disk under the database is full, with real processes: callers and SNS are put off, and all goes on by itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.chaos.disks import namespace

CHECKOUT = Path(__file__).resolve().parents[2]
AT_MOST_S = 400


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory where PostgreSQL's user may go."""
    with TemporaryDirectory(prefix="postern-full-disk-") as directory:
        yield Path(directory)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_full_disk_puts_everybody_off_and_breaks_no_promise(database: str, root: Path) -> None:
    """No 2xx that is not kept, no 500, no 200 for a notification that is not stored; nothing lost and nothing twice.

    It is a real file system where this process may mount one, and else the nearest to it.
    """
    words = namespace(root)
    small = ["--small-file-system"] if words else []
    done = subprocess.run(
        [*words, sys.executable, "-m", "tests.chaos.full_disk", str(root), "--database", database, *small],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=AT_MOST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout.splitlines()[-1])
    assert run["broken"] == []
    assert run["notifications_lost"] == 0
    assert set(run["callers"]) <= {"200", "503"}
    assert run["callers"]["503"] >= 1
    assert set(run["sns"]) <= {"200", "503"}
    assert run["sns"]["503"] >= 1
    assert run["replaced"] is False
