"""The flight recorder: when a worker dies, only the call on the wire at that moment stays unknown."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from app.domain.sending.call_outcome import Accepted, Envelope, Outcome
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on


@dataclass
class MailerThatDies(ScriptedMailer):
    """Answers `answered@`; once that is noted, the process ends in the middle of the call to `on-the-wire@`."""

    notes: Path = Path()

    def send(self, envelope: Envelope) -> Outcome:
        """Accept, or end the process."""
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
    """Drain in a separate process that ends at the second call, as by kill -9."""
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
    """Answered email is sent, uncalled email goes back to the queue, and the call on the wire is unconfirmed."""
    who = caller(gateway)
    answered = submit(gateway, who, "answered@example.net")
    on_the_wire = submit(gateway, who, "on-the-wire@example.net")
    waiting = [submit(gateway, who, f"waiting{number}@example.net") for number in range(2)]
    gateway.database.close()

    die_in_mid_batch(migrated_url, redis_url, flight_dir)
    assert {state_of(gateway, email) for email in (answered, on_the_wire)} == {State.SENDING}
    assert gateway.recover() >= 2

    assert state_of(gateway, answered) is State.SENT
    assert state_of(gateway, on_the_wire) is State.UNCONFIRMED
    assert state_of(gateway, waiting[-1]) is State.QUEUED
    assert gateway.recover() == 0
    assert list(flight_dir.iterdir()) == []


def test_a_living_process_is_left_alone(gateway: Gateway, flight_dir: Path) -> None:
    """No other process reads the notes of a process that still runs."""
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(list(flight_dir.glob("*.flight"))) == 1
    assert gateway.recover() == 0
    assert len(list(flight_dir.glob("*.flight"))) == 1


def test_an_answer_that_came_after_the_lease_still_counts(
    gateway: Gateway, migrated_url: str, redis_url: str, flight_dir: Path
) -> None:
    """An acceptance in the notes wins, although the sweeper has given the email up meanwhile."""
    email = submit(gateway, caller(gateway), "answered@example.net")
    submit(gateway, caller(gateway), "on-the-wire@example.net")
    gateway.database.close()
    die_in_mid_batch(migrated_url, redis_url, flight_dir)
    expire_leases(gateway)
    assert state_of(gateway, email) is State.UNCONFIRMED
    gateway.recover()
    assert state_of(gateway, email) is State.SENT
    assert ses_message_id(gateway, email) == Accepted("ses-000001-answered@example.net").ses_message_id


def expire_leases(gateway: Gateway) -> None:
    """Move the clock past every lease, and sweep."""
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE recipients SET lease_until = '2020-01-01 00:00:00.000000'")
    assert gateway.upkeep.end_leases() > 0


def ses_message_id(gateway: Gateway, email: UUID) -> str | None:
    return gateway.look_up.email(operator("test"), email).recipients[0].ses_message_id
