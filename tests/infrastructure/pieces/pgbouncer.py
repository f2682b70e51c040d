"""PgBouncer before the database of a stage, in transaction mode, and the settings that the role needs for that."""

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from app.cli.local.children.port_checks import free_port
from tests.chaos.stage.machines import Machine
from tests.chaos.stage.site import Reached, Site, own_postgres, user_of_postgres
from tests.infrastructure.pieces.programs import listens, program
from tests.support.servers.servers import Postgres

ROLE_SETTINGS: Final = {
    "statement_timeout": "'5s'",
    "lock_timeout": "'3s'",
    "idle_in_transaction_session_timeout": "'5s'",
    "timezone": "'UTC'",
    "random_page_cost": "1.1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    """How a PgBouncer is set up: as the only program between the gateway and its database."""

    mode: str = "transaction"
    ignores_options: bool = False

    def __call__(self, site: Site) -> Reached:
        """A PostgreSQL whose role has its settings, and PgBouncer before it."""
        reached = own_postgres(site)
        sockets = site.root / "postgres"
        for name, value in ROLE_SETTINGS.items():
            Postgres(sockets).execute(f"ALTER ROLE postgres SET {name} = {value}")
        port = self.start(site, sockets)
        gateway = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postern"
        return replace(reached, gateway=gateway, variables={"DATABASE_POOLED": "true"})

    def start(self, site: Site, sockets: Path) -> int:
        """Start it before the server with this folder of sockets. The port that it listens on."""
        user, port = user_of_postgres(), free_port()
        directory = site.folder("pgbouncer", user=user)
        file = directory / "pgbouncer.ini"
        file.write_text(self._ini(directory, sockets, port))
        if user is not None:
            os.chown(file, *user)
        site.start(
            Machine(
                name="pgbouncer",
                argv=(program("pgbouncer", package="pgbouncer"), str(file)),
                log=site.log("pgbouncer"),
                ready=partial(listens, port),
                user=user,
            )
        )
        return port

    def _ini(self, directory: Path, sockets: Path, port: int) -> str:
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": directory,
            "auth_type": "any",
            "pool_mode": self.mode,
            "default_pool_size": 10,
            "max_client_conn": 300,
        }
        if self.ignores_options:
            lines["ignore_startup_parameters"] = "options"
        settings = "\n".join(f"{name} = {value}" for name, value in lines.items())
        return f"[databases]\n* = host={sockets} user=postgres\n\n[pgbouncer]\n{settings}\n"
