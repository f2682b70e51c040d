"""A PostgreSQL that says nothing: frozen, with a disk that hangs, or on a host that is gone from the network.

Its connections stay open, so that only a bound of our own ends the wait.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import ANSWERING, Database
from simulator.network.proxy import Damage, Weather, unix
from simulator.network.proxy_thread import Proxies
from tests.support.gateway.gateways import gateway_on, issue
from tests.support.gateway.web import MAIL
from tests.support.servers.cli import until
from tests.support.servers.gunicorn import asked, served
from tests.support.servers.servers import Postgres

AT_MOST_S = 12.0
"""The wait for an answer, for a connection, and some more for a loaded machine. The kernel would wait far longer."""

SILENT = Weather(damage=Damage.BLACK_HOLE)


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    with Proxies() as proxies:
        yield proxies


@pytest.fixture
def url(proxies: Proxies, postgres: Postgres, migrated_postgres_url: str) -> Iterator[str]:
    """The database behind a network of its own, named `database`."""
    port = proxies.open("database", unix(postgres.sockets / ".s.PGSQL.5432"))
    direct = make_url(migrated_postgres_url).difference_update_query(["host"])
    yield direct.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    proxies.change("database")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url, patience=ANSWERING)
    yield database
    database.close()


def ask_silence(connection: Connection, proxies: Proxies) -> None:
    """Ask after the network has begun to say nothing, and check how long it took to give up."""
    connection.execute(text("SELECT 1"))
    proxies.change("database", SILENT)
    began = time.monotonic()
    try:
        connection.execute(text("SELECT 'late'"))
    finally:
        assert time.monotonic() - began < AT_MOST_S


def test_a_statement_that_gets_no_answer_is_given_up(database: Database, proxies: Proxies) -> None:
    """What became of it is not known, and its connection is not used again: the answer may come yet."""
    with pytest.raises(ServiceUnavailable) as silent, database.transaction() as connection:
        ask_silence(connection, proxies)
    assert database.trouble(silent.value).endswith("cannot be used: it has not answered for 7 s.")
    proxies.change("database")
    with database.reading() as connection:
        assert connection.scalar(text("SELECT 'anew'")) == "anew"


def test_a_connection_that_has_rested_is_tried_for_two_seconds(database: Database, proxies: Proxies) -> None:
    """And opening another takes two more: so a request does not wait as long as for a statement."""
    with database.reading() as connection:
        connection.execute(text("SELECT 1"))
    time.sleep(1.1)
    proxies.change("database", SILENT)
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable), database.reading():
        pass
    assert time.monotonic() - began < 6.5


def test_while_the_database_says_nothing_every_request_is_answered(
    url: str, proxies: Proxies, migrated_postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    """With 503, however many there are; the process is alive meanwhile, and goes on once the database answers."""
    with gateway_on(migrated_postgres_url, redis_url) as gateway:
        keys = [f"Bearer {issue(gateway, app=f'app-{number}').token}" for number in range(8)]
    with served(url, redis_url, tmp_path) as server, ThreadPoolExecutor(64) as clients:

        def submit(number: int) -> tuple[int, float]:
            began = time.monotonic()
            answer = asked(server.port, "POST", "/v1/emails", MAIL, Authorization=keys[number % len(keys)])
            return answer.status, time.monotonic() - began

        assert {submit(number)[0] for number in range(64)} == {200}
        proxies.change("database", SILENT)
        asking = [clients.submit(submit, number) for number in range(63)]
        assert asked(server.port, "GET", "/healthz").status == 200
        answered = [one.result(60) for one in asking]
        assert {status for status, _ in answered} == {503}
        assert max(took for _, took in answered) < 2 * AT_MOST_S
        assert asked(server.port, "GET", "/readyz").status == 503
        proxies.change("database")
        until(lambda: submit(0)[0] == 200)
