"""PgBouncer with TLS before the database of a stage, and the settings that the role of the gateway needs for that."""

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
from tests.support.servers.tls import self_signed

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
        port, certificate = self._start(site, sockets)
        verified = f"sslmode=verify-full&sslrootcert={certificate}"
        gateway = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postern?{verified}"
        return replace(reached, gateway=gateway, variables={"DATABASE_POOLED": "true"})

    def _start(self, site: Site, sockets: Path) -> tuple[int, Path]:
        """Start it before the server with this folder of sockets. The port that it listens on, and its certificate."""
        user, port = user_of_postgres(), free_port()
        directory = site.folder("pgbouncer", user=user)
        certificate, _ = self_signed(directory, "127.0.0.1")
        file = directory / "pgbouncer.ini"
        file.write_text(self._ini(directory, sockets, port))
        if user is not None:
            for one in directory.iterdir():
                os.chown(one, *user)
        site.start(
            Machine(
                name="pgbouncer",
                argv=(program("pgbouncer", package="pgbouncer"), str(file)),
                log=site.log("pgbouncer"),
                ready=partial(listens, port),
                user=user,
            )
        )
        return port, certificate

    def _ini(self, directory: Path, sockets: Path, port: int) -> str:
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": directory,
            "auth_type": "any",
            "pool_mode": self.mode,
            "client_tls_sslmode": "require",
            "client_tls_cert_file": directory / "certificate.pem",
            "client_tls_key_file": directory / "key.pem",
            "default_pool_size": 10,
            "max_client_conn": 300,
        }
        if self.ignores_options:
            lines["ignore_startup_parameters"] = "options"
        settings = "\n".join(f"{name} = {value}" for name, value in lines.items())
        return f"[databases]\n* = host={sockets} user=postgres\n\n[pgbouncer]\n{settings}\n"
