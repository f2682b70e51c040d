"""Disks that can be full: a small file system where the process may mount one, otherwise the nearest substitute.

It decides what *full* is. Under Linux most users may mount a file system in a namespace of their own, which is where
`tests.chaos.full_disk` is run. Where that is not allowed, SQLite's files may grow no further (`RLIMIT_FSIZE`), and
PostgreSQL answers every write with its error for a full disk (SQLSTATE 53100).
"""

import errno
import os
import resource
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import text

from app.store.engine.database import Database
from app.store.tables.core import metadata
from tests.chaos.stage.stage import Stage

MIB = 1024 * 1024
SIZE = 96 * MIB
# A namespace of its own ensures that even root leaves nothing mounted.
OF_ROOT = ("unshare", "--mount")
OF_A_USER = ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount")


class Disk(Protocol):
    """A disk under the data of a gateway."""

    def fill(self) -> None:
        """Take all the space."""

    def make_room(self) -> None:
        """Give the space back."""


def namespace(directory: Path) -> tuple[str, ...]:
    """The prefix that lets a command mount a file system; empty when that is not allowed here."""
    words = OF_ROOT if os.geteuid() == 0 else OF_A_USER
    with suppress(FileNotFoundError):
        tried = subprocess.run([*words, *_mount(directory)], capture_output=True, check=False)
        return words if tried.returncode == 0 else ()
    return ()


def _mount(directory: Path) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", str(directory)]


class SmallFileSystem:
    """A file system in memory, mounted at `directory`, on which one file takes all the space that is left."""

    def __init__(self, directory: Path) -> None:
        subprocess.run(_mount(directory), check=True)
        self._ballast = directory / "ballast"

    def fill(self) -> None:
        """Take all the space, to the last page."""
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(65_536)):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)


class LimitedFiles:
    """Stops the files of these processes from growing beyond the size of SQLite's write-ahead log."""

    def __init__(self, processes: Iterable[int], log: Path) -> None:
        self._processes = list(processes)
        self._log = log

    def fill(self) -> None:
        """Let every write fail that would make a file longer."""
        self._limit(self._log.stat().st_size)

    def make_room(self) -> None:
        """Let such writes pass."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for process in self._processes:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class RefusedWrites:
    """PostgreSQL's own error for a full disk, at every write to a table."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, pool_size=1)
        with self._database.transaction() as connection:
            connection.execute(text(_FULL))

    def fill(self) -> None:
        """Refuse writes."""
        self._execute("CREATE OR REPLACE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {} EXECUTE FUNCTION full_disk()")

    def make_room(self) -> None:
        """Accept writes again."""
        self._execute("DROP TRIGGER IF EXISTS full_disk ON {}")

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _execute(self, statement: str) -> None:
        # A table at a time: locking several could deadlock with transactions that lock them in another order.
        for table in metadata.sorted_tables:
            with self._database.transaction() as connection:
                connection.execute(text(statement.format(table.name)))


_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = '53100';
END $$
"""


def without_a_file_system(stage: Stage) -> Disk:
    """The nearest substitute for a full disk that needs no permissions."""
    if stage.database_url.startswith("sqlite"):
        machines = [stage.machines[name] for name in ("web", "smtp", "worker")]
        processes = [process for machine in machines for process in machine.main + machine.children]
        return LimitedFiles(processes, Path(stage.database_url.removeprefix("sqlite:///") + "-wal"))
    return RefusedWrites(stage.database_url)
