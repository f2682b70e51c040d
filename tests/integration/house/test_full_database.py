"""A PostgreSQL that cannot write: its disk is full, or its operator made it read-only before the disk was full.

`tests/chaos/test_full_disk.py` does the same with real processes and a real full disk, on SQLite too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Envelope, Outcome
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.engine.database import Database
from app.wiring.gateway import Gateway
from tests.chaos.stage.disks import Disk, RefusedWrites
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on, replace_parts
from tests.support.gateway.rows import outcomes, recipient_of


class ReadOnly:
    """What managed PostgreSQL does when its storage is nearly full: each new session is read-only."""

    def __init__(self, database_url: str) -> None:
        self._admin = Database(make_url(database_url).render_as_string(hide_password=False), pool_size=1)
        self._name = make_url(database_url).database

    def fill(self) -> None:
        """Make the database read-only."""
        self._alter("SET default_transaction_read_only = on")

    def make_room(self) -> None:
        """Let the database write again."""
        self._alter("RESET default_transaction_read_only")

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()

    def _alter(self, how: str) -> None:
        with self._admin.transaction() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            connection.execute(text(f'ALTER DATABASE "{self._name}" {how}'))
            others = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name AND pid <> :mine"
            )
            attempt = connection.scalar(text("SELECT pg_backend_pid()"))
            connection.execute(text(others), {"name": self._name, "mine": attempt})


@dataclass
class FillingMailer(ScriptedMailer):
    """A mailer that answers; after its answer the database cannot write."""

    disk: list[Disk] = field(default_factory=list)

    def send(self, envelope: Envelope) -> Outcome:
        """Accept the email, then let the database run out of room."""
        outcome = super().send(envelope)
        for disk in self.disk:
            disk.fill()
        return outcome


@pytest.fixture
def mailer() -> FillingMailer:
    return FillingMailer()


@pytest.fixture
def gateway(migrated_postgres_url: str, redis_url: str, mailer: FillingMailer) -> Iterator[Gateway]:
    with gateway_on(migrated_postgres_url, redis_url, mailer=mailer) as built:
        yield built


@pytest.fixture(params=[RefusedWrites, ReadOnly])
def disk(request: pytest.FixtureRequest, migrated_postgres_url: str) -> Iterator[Disk]:
    made: RefusedWrites | ReadOnly = request.param(migrated_postgres_url)
    yield made
    made.close()


def test_an_email_that_cannot_be_written_is_not_accepted(gateway: Gateway, disk: Disk) -> None:
    """The caller gets an error that says to retry. Once there is room, the email is accepted without a restart."""
    who = caller(gateway)
    disk.fill()
    with pytest.raises(ServiceUnavailable):
        submit(gateway, who, "ann@example.net")
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 0
    disk.make_room()
    email = submit(gateway, who, "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT


def test_an_answer_of_ses_waits_until_it_can_be_written(gateway: Gateway, mailer: FillingMailer, disk: Disk) -> None:
    """The disk fills up after the email was sent: the worker keeps the answer, and no second call is made."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    mailer.disk.append(disk)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            disk.make_room()

    replace_parts(gateway, sleep=sleep)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(waits) >= 3
    assert (state_of(gateway, email), outcomes(gateway, email)) == (State.SENT, ["accepted"])
    assert not recipient_of(gateway, email).possible_duplicate
    assert len(mailer.sent) == 1
