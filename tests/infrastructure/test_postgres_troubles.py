"""What an administrator does to a PostgreSQL while email flows through it: that delays email, and no more."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psycopg

from tests.chaos.load.doors import Answer, Api
from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on
from tests.support.servers.servers import Postgres

LASTS_S: Final = 3.0
_SESSIONS: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'postern'"


def test_email_waits_while_the_server_cannot_be_used_and_goes_on_by_itself(root: Path, report: Report) -> None:
    """All sessions are ended; then it is read-only, has no connection left, and a session keeps a lock.

    `/readyz` says what it is. No process has to be restarted, nothing is lost, and nothing comes twice.
    """
    server, said = Postgres(root / "postgres"), {}

    def ask(name: str, stage: Stage) -> None:
        said[name] = detail_of(Api(stage.url, "").call("GET", "/readyz"))

    deeds: dict[float, Callable[[Stage], None]] = {
        1.0: lambda _: server.execute(_SESSIONS),
        2.0: lambda stage: be_read_only(server, meanwhile=partial(ask, "read-only", stage)),
        6.0: lambda stage: use_all_connections(server, meanwhile=partial(ask, "no connections", stage)),
        10.0: lambda _: keep_a_lock(server),
    }
    with stage_on(root, seconds=14.0) as stage:
        found = drilled(stage, deeds)
    report("PostgreSQL", "sessions ended, read-only, no connections, a lock kept", found)
    assert found.broken == []
    assert "default_transaction_read_only" in said["read-only"]
    assert "too many clients" in said["no connections"]
    assert set(found.result.restarts.values()) == {0}


def be_read_only(server: Postgres, *, meanwhile: Callable[[], None]) -> None:
    with server.connected():
        server.execute("SET default_transaction_read_only = off")
        server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        server.execute("SELECT pg_reload_conf()")
        sleep(LASTS_S)
        meanwhile()
        server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        server.execute("SELECT pg_reload_conf()")


def use_all_connections(server: Postgres, *, meanwhile: Callable[[], None]) -> None:
    """End the sessions of the gateway, and be faster than it to take their places."""
    with server.connected(), ExitStack() as taken:
        deadline = monotonic() + LASTS_S
        while monotonic() < deadline:
            server.execute(_SESSIONS)
            with suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(connected(server))
        meanwhile()


def keep_a_lock(server: Postgres) -> None:
    with connected(server) as connection:
        connection.execute("LOCK TABLE recipients IN ACCESS EXCLUSIVE MODE")
        sleep(LASTS_S)


def connected(server: Postgres) -> psycopg.Connection:
    return psycopg.connect(f"postgresql://postgres@/postern?host={server.sockets}")


def detail_of(readiness: Answer) -> str:
    [database] = [check for check in readiness.content["checks"] if check["name"] == "database"]
    return str(database["detail"])
