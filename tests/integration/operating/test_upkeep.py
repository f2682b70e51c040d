"""Upkeep: bells rung again, leases ended, emails expired, positives refilled; safe to run twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Refused
from app.domain.sending.state_machine import State
from app.queue import DELIVER, SETTLE, Lane
from app.services.isolation import each_apart
from app.services.operating import upkeep
from app.services.operating.upkeep import Sweep
from app.store.engine.database import Database
from app.store.operating import heartbeats
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import put
from tests.support.gateway.emails import state_of, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import age, change, count, outcomes, recipient_of

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


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.RETRY_WAIT, State.HELD])
def test_an_email_past_its_deadline_expires(gateway: Gateway, state: State) -> None:
    """An email that was not sent in time ends as expired, with its reason, and is never sent."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "recipients", {"state": state})
    assert gateway.upkeep.expire() == 0
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert recipient_of(gateway, email).reason == "The email expired before it could be sent."
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.EXPIRED


def test_an_email_that_may_have_been_sent_does_not_expire(gateway: Gateway) -> None:
    """With a call whose outcome is unknown, it must not be reported as unsent."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", SECOND)
    gateway.upkeep.end_leases()
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 0
    assert state_of(gateway, email) is State.RETRY_WAIT


def test_an_email_that_cannot_expire_delays_no_other(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many have an unknown outcome, the batch of a sweep holds only those that it can end."""
    monkeypatch.setattr(upkeep, "BATCH", 1)
    who = caller(gateway)
    submit(gateway, who, "ann@example.net")
    take(gateway)
    late = submit(gateway, who, "bob@example.net")
    change(gateway, "recipients", {"state": State.RETRY_WAIT})
    age(gateway, "recipients", "expires_at", SECOND)
    assert gateway.upkeep.expire() == 1
    assert state_of(gateway, late) is State.EXPIRED


def test_all_that_has_expired_ends_in_one_sweep(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a long outage: each claim has to look past those that are left."""
    monkeypatch.setattr(upkeep, "_BATCH", 2)
    who = caller(gateway)
    emails = [submit(gateway, who, f"kim{number}@example.net") for number in range(7)]
    for email, seconds in zip(emails, (3, 1, 2, 2, 2, 5, 4), strict=True):
        age(gateway, "recipients", "expires_at", seconds * SECOND, email_id=email)
    assert gateway.upkeep.expire() == 7
    assert {state_of(gateway, email) for email in emails} == {State.EXPIRED}


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
