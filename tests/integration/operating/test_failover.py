"""Two real PostgreSQL servers: a fail-over begins a recovery by itself, and nothing is sent before it ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.store.operating import incidents
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on, migrate
from tests.support.servers.servers import Postgres
from tests.support.servers.standby import Pair, postgres_pair

ROOT = operator("test")


@pytest.fixture
def pair(services: Path) -> Iterator[Pair]:
    with postgres_pair(services / "pair") as pair:
        migrate(pair.primary)
        yield pair


_SAYS_NOTHING = (
    "CREATE OR REPLACE FUNCTION postern_this_server() RETURNS text LANGUAGE sql STABLE AS 'SELECT NULL::text'"
)


def drain(gateway: Gateway) -> None:
    gateway.deliver.drain(Lane.TRANSACTIONAL)


def test_after_a_fail_over_to_a_standby_that_was_behind_nothing_is_sent_twice(pair: Pair, redis_url: str) -> None:
    """The new primary shows a sent email as waiting. It is held back at once, by a recovery that gives its reason."""
    mailer = ScriptedMailer()
    with gateway_on(pair.primary, redis_url, mailer=mailer) as gateway:
        email = submit(gateway, caller(gateway), "ann@example.net")
        pair.follow()
        pair.hold_back()
        drain(gateway)
        assert state_of(gateway, email) is State.SENT
    pair.fail_over()
    with gateway_on(pair.standby, redis_url, mailer=mailer) as gateway:
        assert state_of(gateway, email) is State.QUEUED
        drain(gateway)
        assert len(mailer.sent) == 1  # no process has checked yet, and still nothing is claimed
        assert gateway.restore.progress() is None
        assert gateway.failover.look()
        drain(gateway)
        assert len(mailer.sent) == 1
        with gateway.database.reading() as connection:
            [incident] = incidents.all_open(connection, limit=10)
        assert incident.kind == "database_moved"
        assert "timeline 1 became 2" in incident.detail
        assert "timeline 1 became 2" in circuits_of(gateway)
        assert not gateway.failover.look()  # once, whichever process checks
        gateway.restore.end(ROOT, force=True)
        drain(gateway)
        assert len(mailer.sent) == 2


def test_a_synchronous_standby_lacks_nothing_and_sending_goes_on(pair: Pair, redis_url: str) -> None:
    """A setting declares it synchronous: the new server is remembered, and no recovery begins."""
    pair.follow()
    pair.fail_over()
    mailer = ScriptedMailer()
    with gateway_on(pair.standby, redis_url, mailer=mailer, postgres_failover="synchronous") as gateway:
        submit(gateway, caller(gateway), "ann@example.net")
        assert not gateway.failover.look()
        assert gateway.restore.progress() is None
        drain(gateway)
        assert len(mailer.sent) == 1


@pytest.mark.parametrize("crash", [False, True], ids=["in good order", "by a crash"])
def test_a_server_that_starts_again_is_the_same(pair: Pair, redis_url: str, crash: bool) -> None:
    """No recovery, and emails go out."""
    pair.restart(crash=crash)
    mailer = ScriptedMailer()
    with gateway_on(pair.primary, redis_url, mailer=mailer) as gateway:
        submit(gateway, caller(gateway), "ann@example.net")
        drain(gateway)
        assert not gateway.failover.look()
        assert len(mailer.sent) == 1


def test_a_standby_is_refused_in_plain_words(pair: Pair, redis_url: str) -> None:
    """As an old primary is after a fail-over: its data may lag, so none is read, and /readyz gives the next step."""
    pair.follow()
    with gateway_on(pair.standby, redis_url) as gateway:
        [database, *_] = gateway.health.ready()
        assert (database.name, database.ok, database.required) == ("database", False, True)
        assert "read-only standby" in database.detail
        assert "DATABASE_URL" in database.detail
        with pytest.raises(ServiceUnavailable), gateway.database.reading():
            pass
        pair.fail_over()
        [database, *_] = gateway.health.ready()
        assert database.ok


def test_a_copy_in_another_system_is_no_fail_over(pair: Pair, postgres: Postgres, redis_url: str) -> None:
    """A dump restored elsewhere may lack anything, whatever the setting says of the standby: a recovery begins."""
    name = postgres.create_database()
    pair.copy_to(postgres.url(name).replace("+psycopg", ""))
    mailer = ScriptedMailer()
    with gateway_on(postgres.url(name), redis_url, mailer=mailer, postgres_failover="synchronous") as gateway:
        submit(gateway, caller(gateway), "ann@example.net")
        drain(gateway)
        assert gateway.failover.look()
        drain(gateway)
        assert mailer.sent == []
        assert "another PostgreSQL system" in circuits_of(gateway)
    postgres.drop_database(name)


class TestOnOneServer:
    """The row in the database decides, on a server that stays in place."""

    @pytest.fixture
    def mailer(self) -> ScriptedMailer:
        return ScriptedMailer()

    @pytest.fixture
    def gateway(self, migrated_postgres_url: str, redis_url: str, mailer: ScriptedMailer) -> Iterator[Gateway]:
        with gateway_on(migrated_postgres_url, redis_url, mailer=mailer) as built:
            yield built

    def test_a_first_start_remembers_the_server(self, gateway: Gateway, mailer: ScriptedMailer) -> None:
        """With no remembered server there is nothing to recover from."""
        execute(gateway, "DELETE FROM database_server")
        submit(gateway, caller(gateway), "ann@example.net")
        assert not gateway.failover.look()
        drain(gateway)
        assert len(mailer.sent) == 1
        assert identity_of(gateway) is not None

    def test_of_many_processes_that_check_one_begins_the_recovery(self, gateway: Gateway) -> None:
        """All processes of all hosts check every few seconds."""
        execute(gateway, "UPDATE database_server SET identity = '1/1'")
        with ThreadPoolExecutor(8) as pool:
            began = list(pool.map(lambda _: gateway.failover.look(), range(8)))
        assert sum(began) == 1

    def test_a_recovery_that_a_person_began_is_not_begun_once_more(self, gateway: Gateway) -> None:
        """It keeps its reason and its time."""
        execute(gateway, "UPDATE database_server SET identity = '1/1'")
        gateway.restore.begin(ROOT, reason="Restored to 04:00.")
        assert not gateway.failover.look()
        assert "Restored to 04:00." in circuits_of(gateway)

    def test_a_server_without_an_identity_may_send(self, gateway: Gateway, mailer: ScriptedMailer) -> None:
        """A role without the permission, or a service without timelines: no fail-over is noticed there."""
        execute(gateway, _SAYS_NOTHING)
        execute(gateway, "UPDATE database_server SET identity = NULL")
        submit(gateway, caller(gateway), "ann@example.net")
        drain(gateway)
        assert not gateway.failover.look()
        assert len(mailer.sent) == 1
        [database, *_] = gateway.health.ready()
        assert database.ok
        assert "recovery begin" in database.detail

    def test_a_server_that_stops_giving_its_identity_is_another_one(
        self, gateway: Gateway, mailer: ScriptedMailer
    ) -> None:
        """Its identity is unknown, so nothing is sent yet."""
        execute(gateway, _SAYS_NOTHING)
        submit(gateway, caller(gateway), "ann@example.net")
        drain(gateway)
        assert mailer.sent == []
        assert gateway.failover.look()
        assert "no longer says" in circuits_of(gateway)


def execute(gateway: Gateway, statement: str) -> None:
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql(statement)


def identity_of(gateway: Gateway) -> object:
    with gateway.database.reading() as connection:
        return connection.exec_driver_sql("SELECT identity FROM database_server").scalar()


def circuits_of(gateway: Gateway) -> str:
    return {check.name: check.detail for check in gateway.health.ready()}["circuits"]
