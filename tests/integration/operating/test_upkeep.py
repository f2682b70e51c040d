"""Upkeep: bells rung again, leases ended, positives refilled; safe to run twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Refused
from app.domain.sending.state_machine import State
from app.queue import DELIVER, SETTLE, Lane
from app.services.isolation import each_apart
from app.services.operating.sweeps import Sweep
from app.store.engine.database import Database
from app.store.operating import heartbeats
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import put
from tests.support.gateway.emails import submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, count, outcomes, recipient_of

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def rung(gateway: Gateway) -> set[str]:
    """The bells that wait for a worker."""
    return {bell.name for bell in (*DELIVER.values(), SETTLE) if gateway.redis.exists(f"postern:bell:{bell.name}")}


def test_bells_are_rung_only_for_due_work(gateway: Gateway) -> None:
    """After a flush of the broker the next sweep rings for each lane with due emails and for due notifications."""
    who = caller(gateway)
    assert gateway.upkeep.ring_bells() == 0
    submit(gateway, who, "ann@example.net", lane=Lane.BULK)
    put(gateway, "{}")
    gateway.redis.flushall()
    assert gateway.upkeep.ring_bells() == 2
    assert rung(gateway) == {DELIVER[Lane.BULK].name, SETTLE.name}


def test_an_ended_lease_leaves_the_outcome_unknown(gateway: Gateway) -> None:
    """Never straight back to the queue: the call may have been made. A lease that runs is left alone."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    assert gateway.upkeep.end_leases() == 0
    age(gateway, "recipients", "lease_until", SECOND)
    assert gateway.upkeep.end_leases() == 1
    assert gateway.upkeep.end_leases() == 0
    row = recipient_of(gateway, email)
    assert (row.state, row.attempts, row.lease_token) == (State.UNCONFIRMED, 0, None)
    assert row.unconfirmed_since is not None
    assert outcomes(gateway, email) == ["unknown"]


def test_lost_positives_are_refilled(gateway: Gateway) -> None:
    """A flushed Redis gives no answers until the sweep has filled it from SQL; then they are the same as before."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    gateway.redis.flushall()
    assert gateway.positives.look_up(["kim@example.net"]) is None
    assert gateway.upkeep.warm_positives() == 1
    assert gateway.positives.look_up(["kim@example.net", "ann@example.net"]) == frozenset({"kim@example.net"})
    assert gateway.upkeep.warm_positives() == 0


@pytest.mark.parametrize("sweep", Sweep)
def test_every_sweep_notes_that_it_succeeded(gateway: Gateway, sweep: Sweep) -> None:
    """An operator sees the time of each last success; an empty gateway gives no sweep any work."""
    gateway.upkeep.run(sweep)
    with gateway.database.reading() as connection:
        assert set(heartbeats.last_seen(connection, kind=heartbeats.SWEEPER)) == {f"sweep:{sweep}"}


def test_two_may_note_the_same_success_at_once(migrated_postgres_url: str) -> None:
    """Two workers end the first run of one sweep in the same moment: neither fails."""
    database = Database(migrated_postgres_url)
    first_has_noted = Event()

    def second() -> None:
        first_has_noted.wait(5)
        with database.transaction() as connection:
            heartbeats.beat(connection, "sweep:bells", kind=heartbeats.SWEEPER)

    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(second)
        with database.transaction() as connection:
            heartbeats.beat(connection, "sweep:bells", kind=heartbeats.SWEEPER)
            first_has_noted.set()
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        waiting.result(5)
    database.close()


def test_an_email_that_failed_for_good_is_left_alone(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """No sweep changes an email that has ended."""
    mailer.answers["ann@example.net"] = Refused("No.")
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    age(gateway, "recipients", "expires_at", SECOND)
    before = recipient_of(gateway, email)
    for sweep in Sweep:
        gateway.upkeep.run(sweep)
    assert recipient_of(gateway, email) == before


def test_an_item_that_takes_too_long_delays_no_other(gateway: Gateway) -> None:
    """The others are done before the sweep fails; three such items count as a database that is away."""
    done: list[int] = []

    def work(item: int) -> int:
        done.append(item)
        if item % 2:
            raise ServiceUnavailable("Too slow.")
        return 1

    with pytest.raises(ServiceUnavailable):
        each_apart(gateway.database, "test", range(4), work, name=str)
    assert done == [0, 1, 2, 3]
    with pytest.raises(ServiceUnavailable):
        each_apart(gateway.database, "test", range(1, 20, 2), work, name=str)
    assert done == [0, 1, 2, 3, 1, 3, 5]
    assert count(gateway, "incidents") == 0
