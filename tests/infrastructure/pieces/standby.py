"""A PostgreSQL with a streaming standby under a stage, reached by both hosts or by HAProxy, and its fail-over."""

import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

import psycopg

from app.cli.local.children.port_checks import free_port
from tests.chaos.stage.machines import Machine
from tests.chaos.stage.site import Reached, Site, run_postgres, started_postgres, user_of_postgres
from tests.chaos.stage.stage import Stage
from tests.infrastructure.pieces.programs import program
from tests.support.servers.cli import until
from tests.support.servers.servers import Postgres, postgres_binaries, run_as

_FIRST, _SECOND = "database", "standby"
_LAST_COMMITS_S: Final = 1.0
"""Transactions that write end within this time once none may begin."""
_PRIMARY_SAYS: Final = "440000000b00010000000166"
"""A row with the one value `f`, as PostgreSQL sends it."""


class By(StrEnum):
    """How a gateway reaches whichever server is the primary."""

    BOTH_HOSTS = "both hosts in the URL"
    HAPROXY = "HAProxy with a check"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryWithStandby:
    """The two servers; with `synchronous` a commit waits for the standby."""

    synchronous: bool
    by: By

    def __call__(self, site: Site) -> Reached:
        """Both servers, of which the second follows the first."""
        first = started_postgres(site, _FIRST)
        first.execute("CREATE DATABASE postern")
        second = _follow(site, first)
        if self.synchronous:
            first.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            first.execute("SELECT pg_reload_conf()")
        sockets = [server.sockets / ".s.PGSQL.5432" for server in (first, second)]
        ports = [site.networks.open_unix(f"database{number}", socket) for number, socket in enumerate(sockets)]
        by_hosts = _of_hosts(*(f"127.0.0.1:{port}" for port in ports))
        return Reached(
            direct=_of_hosts(str(first.sockets), str(second.sockets)),
            gateway=_proxied(site, ports) if self.by is By.HAPROXY else by_hosts,
            variables={"POSTGRES_FAILOVER": "synchronous" if self.synchronous else "asynchronous"},
        )


def fail_over(stage: Stage) -> None:
    """Kill the primary for good, and promote the standby."""
    stage.machines[_FIRST].kill(signal.SIGQUIT, hold_down=True)
    Postgres(stage.root / _SECOND).execute("SELECT pg_promote(wait => true)")


def fence_and_fail_over(stage: Stage) -> None:
    """The same with an asynchronous standby that has all: before, the primary takes no more writes."""
    primary = Postgres(stage.root / "postgres")
    primary.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    primary.execute("SELECT pg_reload_conf()")
    time.sleep(_LAST_COMMITS_S)
    until(lambda: _has_all(primary))
    fail_over(stage)


def _has_all(primary: Postgres) -> bool:
    return primary.ask("SELECT pg_current_wal_flush_lsn() <= flush_lsn FROM pg_stat_replication") is True


def _of_hosts(*hosts: str) -> str:
    named = "&".join(f"host={host}" for host in hosts)
    return f"postgresql+psycopg://postgres@/postern?{named}&target_session_attrs=read-write"


def _follow(site: Site, primary: Postgres) -> Postgres:
    user = user_of_postgres()
    binaries = postgres_binaries(site.root, user)
    data = site.folder(_SECOND, user=user)
    source = f"host={primary.sockets} user=postgres"
    made = run_as(
        user, (str(binaries / "pg_basebackup"), *("-D", str(data), "-d", source), *("-R", "-X", "stream", "-c", "fast"))
    )
    assert made.returncode == 0, made.stdout
    (data / ".s.PGSQL.5432.lock").unlink()  # of the primary's socket, which is among its data
    run_postgres(site, _SECOND, binaries=binaries, data=data)
    until(lambda: _streams(primary))
    return Postgres(data)


def _streams(primary: Postgres) -> bool:
    return primary.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1


def _proxied(site: Site, ports: list[int]) -> str:
    """HAProxy, which asks each server twice a second whether it is the primary, and ends the sessions of the other."""
    port, directory = free_port(), site.folder("haproxy")
    greeting = b"\0\3\0\0user\0postgres\0database\0postgres\0\0"
    question = b"SELECT pg_is_in_recovery()\0"
    servers = "\n".join(f"  server postgres{number} 127.0.0.1:{one} check" for number, one in enumerate(ports))
    file = directory / "haproxy.cfg"
    file.write_text(
        f"""global
  stats socket {directory}/socket mode 600
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen postgres
  bind 127.0.0.1:{port}
  option tcp-check
  tcp-check connect
  tcp-check send-binary {(len(greeting) + 4).to_bytes(4).hex()}{greeting.hex()}
  tcp-check expect binary 5a0000000549
  tcp-check send-binary 51{(len(question) + 4).to_bytes(4).hex()}{question.hex()}
  tcp-check expect binary {_PRIMARY_SAYS}
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""
    )
    site.start(
        Machine(
            name="haproxy",
            argv=(program("haproxy", package="haproxy"), "-db", "-f", str(file)),
            log=site.log("haproxy"),
            ready=partial(_leads_to_the_primary, port),
        )
    )
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/postern"


def _leads_to_the_primary(port: int) -> bool:
    """Whether sessions reach it, each in turn. Until its first checks, HAProxy deals them to both servers."""
    try:
        return not any(_is_standby(port) for _ in range(4))
    except psycopg.OperationalError:
        return False


def _is_standby(port: int) -> bool:
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    with psycopg.connect(url, connect_timeout=2) as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
