"""A PostgreSQL that cannot write: its disk is full, or whoever runs it has made it read-only before it was.

With real processes and a real full disk, on SQLite too: `tests/chaos/test_full_disk.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Envelope, Outcome
from app.queue import Lane
from app.store.db import Database
from app.wiring import Gateway
from tests.chaos.disks import Disk, RefusedWrites
from tests.gateways import ScriptedMailer, caller, gateway_on
from tests.mails import state_of, submit
from tests.rows import outcomes, recipient_of


class ReadOnly:
    """What managed PostgreSQL turns into when its storage is nearly full, for every session that begins from now on."""

    def __init__(self, database_url: str) -> None:
        self._admin = Database(make_url(database_url).render_as_string(hide_password=False), pool_size=1)
        self._name = make_url(database_url).database

    def fill(self) -> None:
        """Write no more."""
        self._alter("SET default_transaction_read_only = on")

    def make_room(self) -> None:
        """Write again."""
        self._alter("RESET default_transaction_read_only")

    def close(self) -> None:
        """Give the connection back."""
        self._admin.close()

    def _alter(self, how: str) -> None:
        with self._admin.transaction() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            connection.execute(text(f'ALTER DATABASE "{self._name}" {how}'))
            others = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name AND pid <> :mine"
            )
            mine = connection.scalar(text("SELECT pg_backend_pid()"))
            connection.execute(text(others), {"name": self._name, "mine": mine})


@dataclass
class FillingMailer(ScriptedMailer):
    """Answers, and then the database cannot write."""

    disk: list[Disk] = field(default_factory=list)

    def send(self, envelope: Envelope) -> Outcome:
        """Accept, as the last thing before there is no room."""
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


def test_what_cannot_be_written_is_not_accepted(gateway: Gateway, disk: Disk) -> None:
    """Whoever submits is put off, which is no failure of ours; once there is room it is taken, without a restart."""
    who = caller(gateway)
    disk.fill()
    with pytest.raises(ServiceUnavailable):
        submit(gateway, who, "ann@example.net")
    assert gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 0
    disk.make_room()
    mail = submit(gateway, who, "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.SENT


def test_an_answer_of_ses_waits_until_it_can_be_written(gateway: Gateway, mailer: FillingMailer, disk: Disk) -> None:
    """The mail was sent when the disk filled up: the worker keeps the answer, and nobody calls again."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    mailer.disk.append(disk)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            disk.make_room()

    object.__setattr__(gateway.deliver._parts, "sleep", sleep)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(waits) >= 3
    assert (state_of(gateway, mail), outcomes(gateway, mail)) == (State.SENT, ["accepted"])
    assert not recipient_of(gateway, mail).possible_duplicate
    assert len(mailer.sent) == 1
