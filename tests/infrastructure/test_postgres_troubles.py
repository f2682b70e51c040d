"""What an administrator does to a PostgreSQL while email flows through it: that delays email, and no more."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psycopg

from tests.chaos.load.doors import Api
from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on
from tests.support.servers.servers import Postgres

LASTS_S, AT_MOST_S = 3.0, 60.0
_NO_PLACE: Final = "too many clients"
_SESSIONS: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'postern'"


def test_email_waits_while_the_server_cannot_be_used_and_goes_on_by_itself(root: Path, report: Report) -> None:
    """All sessions are ended; then it is read-only, has no connection left, and a session keeps a lock.

    `/readyz` says what it is. No process has to be restarted, nothing is lost, and nothing comes twice.
    """
    server = Postgres(root / "postgres")
    said: dict[str, str] = {}

    def take_no_writes(stage: Stage) -> None:
        with read_only(server):
            sleep(LASTS_S)
            said["read-only"] = detail_of(stage)

    def use_all_connections(stage: Stage) -> None:
        """End the sessions of the gateway and take their places, until it has none when it is asked."""
        with server.connected(), ExitStack() as taken:
            began = monotonic()
            while monotonic() < began + LASTS_S or _NO_PLACE not in said["no place"]:
                server.execute(_SESSIONS)
                take_all(server, taken)
                said["no place"] = detail_of(stage)
                assert monotonic() < began + AT_MOST_S, said

    deeds: dict[float, Callable[[Stage], None]] = {
        1.0: lambda _: server.execute(_SESSIONS),
        2.0: take_no_writes,
        6.0: use_all_connections,
        10.0: lambda _: keep_a_lock(server),
    }
    with stage_on(root, seconds=14.0) as stage:
        found = drilled(stage, deeds)
    report("PostgreSQL", "sessions ended, read-only, no connections, a lock kept", found)
    assert found.broken == []
    assert "default_transaction_read_only" in said["read-only"]
    assert set(found.result.restarts.values()) == {0}


@contextmanager
def read_only(server: Postgres) -> Iterator[None]:
    with server.connected():
        server.execute("SET default_transaction_read_only = off")
        server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        server.execute("SELECT pg_reload_conf()")
        yield
        server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        server.execute("SELECT pg_reload_conf()")


def take_all(server: Postgres, taken: ExitStack) -> None:
    with suppress(psycopg.OperationalError):
        while True:
            taken.enter_context(connected(server))


def keep_a_lock(server: Postgres) -> None:
    with connected(server) as connection:
        connection.execute("LOCK TABLE recipients IN ACCESS EXCLUSIVE MODE")
        sleep(LASTS_S)


def connected(server: Postgres) -> psycopg.Connection:
    return psycopg.connect(f"postgresql://postgres@/postern?host={server.sockets}")


def detail_of(stage: Stage) -> str:
    """What `/readyz` says of the database."""
    readiness = Api(stage.url, "").call("GET", "/readyz").content
    [database] = [check for check in readiness["checks"] if check["name"] == "database"]
    return str(database["detail"])
