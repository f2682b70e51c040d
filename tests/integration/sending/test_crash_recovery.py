"""The flight recorder: a worker that dies leaves unknown only what was on the wire at that moment."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from app.domain.delivery import State
from app.domain.outcome import Accepted, Envelope, Outcome
from app.queue import Lane
from app.services.authenticate import operator
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, caller, gateway_on
from tests.mails import state_of, submit


@dataclass
class MailerThatDies(ScriptedMailer):
    """Answers `answered@`; once that is noted, the process is gone in the middle of the call to `on-the-wire@`."""

    notes: Path = Path()

    def send(self, envelope: Envelope) -> Outcome:
        """Accept, or die."""
        dies = envelope.recipient.startswith("on-the-wire")
        while not envelope.recipient.startswith("answered"):
            if dies and any(b'"answer"' in path.read_bytes() for path in self.notes.glob("*.flight")):
                os._exit(9)
            time.sleep(0.001)
        return super().send(envelope)


@pytest.fixture
def flight_dir(tmp_path: Path) -> Path:
    return tmp_path / "flight"


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, flight_dir: Path) -> Iterator[Gateway]:
    with gateway_on(migrated_url, redis_url, flight_dir=flight_dir, ses_threads=1) as built:
        yield built


def die_in_mid_batch(migrated_url: str, redis_url: str, flight_dir: Path) -> None:
    """Drain in a process of its own that ends at the second call, as kill -9 would end it."""
    process = os.fork()
    if process == 0:
        mailer = MailerThatDies(notes=flight_dir)
        try:
            with gateway_on(migrated_url, redis_url, mailer=mailer, flight_dir=flight_dir, ses_threads=2) as it:
                it.deliver.drain(Lane.TRANSACTIONAL)
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 9


def test_only_the_call_on_the_wire_stays_unknown(
    gateway: Gateway, migrated_url: str, redis_url: str, flight_dir: Path
) -> None:
    """Answered mail is sent, mail that was never called goes back to the queue, the call on the wire is unconfirmed."""
    who = caller(gateway)
    answered = submit(gateway, who, "answered@example.net")
    on_the_wire = submit(gateway, who, "on-the-wire@example.net")
    waiting = [submit(gateway, who, f"waiting{number}@example.net") for number in range(2)]
    gateway.database.close()

    die_in_mid_batch(migrated_url, redis_url, flight_dir)
    assert {state_of(gateway, mail) for mail in (answered, on_the_wire)} == {State.SENDING}
    assert gateway.recover() >= 2

    assert state_of(gateway, answered) is State.SENT
    assert state_of(gateway, on_the_wire) is State.UNCONFIRMED
    assert state_of(gateway, waiting[-1]) is State.QUEUED
    assert gateway.recover() == 0
    assert list(flight_dir.iterdir()) == []


def test_a_living_process_is_left_alone(gateway: Gateway, flight_dir: Path) -> None:
    """The notes of a process that still runs are nobody else's to read."""
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(list(flight_dir.glob("*.flight"))) == 1
    assert gateway.recover() == 0
    assert len(list(flight_dir.glob("*.flight"))) == 1


def test_an_answer_that_came_after_the_lease_still_counts(
    gateway: Gateway, migrated_url: str, redis_url: str, flight_dir: Path
) -> None:
    """Evidence of acceptance in the notes wins although the sweeper has given the mail up meanwhile."""
    mail = submit(gateway, caller(gateway), "answered@example.net")
    submit(gateway, caller(gateway), "on-the-wire@example.net")
    gateway.database.close()
    die_in_mid_batch(migrated_url, redis_url, flight_dir)
    expire_leases(gateway)
    assert state_of(gateway, mail) is State.UNCONFIRMED
    gateway.recover()
    assert state_of(gateway, mail) is State.SENT
    assert ses_message_id(gateway, mail) == Accepted("ses-000001-answered@example.net").ses_message_id


def expire_leases(gateway: Gateway) -> None:
    """Let the clock run past every lease, and sweep."""
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE recipients SET lease_until = '2020-01-01 00:00:00.000000'")
    assert gateway.upkeep.end_leases() > 0


def ses_message_id(gateway: Gateway, mail: UUID) -> str | None:
    return gateway.look_up.email(operator("test"), mail).recipients[0].ses_message_id
