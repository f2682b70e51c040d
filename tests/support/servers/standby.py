"""Two real PostgreSQL servers: a primary, and a standby that streams from it, can be paused, and can be promoted."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.servers.cli import until
from tests.support.servers.servers import (
    POSTGRES_OPTIONS,
    Postgres,
    postgres_binaries,
    run_as,
    running,
    unprivileged_user,
)

DATABASE = "postern"
# Commits survive a crash of the server, but not of the machine.
OPTIONS = POSTGRES_OPTIONS | {"synchronous_commit": "on"}


class Pair:
    """The two servers below one directory. `primary` and `standby` are URLs of the same database."""

    def __init__(self, directory: Path, servers: ExitStack) -> None:
        self._directory = directory
        self._servers = servers
        self._user = unprivileged_user() if os.geteuid() == 0 else None
        self._binaries = postgres_binaries(directory, self._user)
        self._first, self._second = directory / "first", directory / "second"
        self._sockets = {self._first: directory / "1", self._second: directory / "2"}
        self._running: dict[Path, ExitStack] = {}
        self._make()
        self._start(self._first)
        self._server(self._first).execute(f"CREATE DATABASE {DATABASE}")

    @property
    def primary(self) -> str:
        """Return the URL of the database on the first server."""
        return self._server(self._first).url(DATABASE)

    @property
    def standby(self) -> str:
        """Return the URL of the database on the second server."""
        return self._server(self._second).url(DATABASE)

    def follow(self) -> None:
        """Make the second server a standby of the first, from its current state."""
        words = ("-D", str(self._second), "-d", self._source(), "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self._run("pg_basebackup", *words)
        self._start(self._second)

    def hold_back(self) -> None:
        """Stop replication: the standby stays in its current state."""
        self._server(self._second).execute("ALTER SYSTEM SET primary_conninfo = ''")
        self._server(self._second).execute("SELECT pg_reload_conf()")
        until(lambda: not self._has("SELECT 1 FROM pg_stat_wal_receiver"))

    def fail_over(self) -> None:
        """Kill the primary, and promote the standby."""
        self._running.pop(self._first).close()
        self._server(self._second).execute("SELECT pg_promote(wait => true)")

    def copy_to(self, other: str) -> None:
        """Dump the database of the first server, and restore it in `other`, a connection string of `psql`."""
        dump = str(self._sockets[self._first] / "dump.sql")
        self._run("pg_dump", "-h", str(self._sockets[self._first]), "-U", "postgres", "-f", dump, DATABASE)
        self._run("psql", "-v", "ON_ERROR_STOP=1", "-q", "-d", other, "-f", dump)

    def restart(self, *, crash: bool) -> None:
        """Stop the first server, cleanly or by a crash, and start it again."""
        if crash:
            pid = int((self._first / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGQUIT)  # no checkpoint: the next start recovers
            until(lambda: not (self._first / "postmaster.pid").exists() or not self._server(self._first).is_up())
        self._running.pop(self._first).close()
        self._start(self._first)

    def _make(self) -> None:
        for made in (self._first, self._second, *self._sockets.values()):
            made.mkdir(mode=0o700)
            if self._user:
                os.chown(made, *self._user)
        self._run("initdb", "-D", str(self._first), "-U", "postgres", "-A", "trust", "--locale=C", "-E", "UTF8", "-N")

    def _server(self, data: Path) -> Postgres:
        return Postgres(self._sockets[data])

    def _source(self) -> str:
        return f"host={self._sockets[self._first]} user=postgres"

    def _has(self, query: str) -> bool:
        try:
            self._server(self._second).execute(f"DO $$ BEGIN PERFORM 1 FROM ({query}) AS q; ASSERT FOUND; END $$")
        except Exception:  # noqa: BLE001 - an assertion of SQL
            return False
        return True

    def _start(self, data: Path) -> None:
        server = self._server(data)
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        command = (str(self._binaries / "postgres"), "-D", str(data), "-k", str(self._sockets[data]), *options)
        log = self._directory / f"{data.name}.log"
        ends = {"stop": signal.SIGINT, "orphan_signal": signal.SIGQUIT}
        self._running[data] = stack = self._servers.enter_context(ExitStack())
        stack.enter_context(running(command, log=log, is_up=server.is_up, user=self._user, **ends))

    def _run(self, program: str, *words: str) -> None:
        done = run_as(self._user, (str(self._binaries / program), *words))
        assert done.returncode == 0, done.stdout


@contextmanager
def postgres_pair(directory: Path) -> Iterator[Pair]:
    """Run the primary; the standby comes with `follow`."""
    directory.mkdir(mode=0o711)
    try:
        with ExitStack() as servers:
            yield Pair(directory, servers)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
