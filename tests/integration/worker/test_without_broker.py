"""Work without the broker: sweeps that are overdue are run by one process of many."""

import math
import threading
import time
from datetime import timedelta

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.queue import SETTLE, Bells, Lane, Queue, make_celery
from app.services.operating.sweeps import Sweep
from app.services.sending.deliver import Drained
from app.store.engine.redis import RedisBreaker, connect
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit, take
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows
from worker.process import Crew

LONG = timedelta(seconds=15)
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine, the threads of a crew need longer to end; their connections would outlive the test."""
    monkeypatch.setattr("worker.process._LOOK_LASTS_S", PATIENCE_S)


def test_an_overdue_sweep_is_run_by_one_process(gateway: Gateway) -> None:
    """The first process that notices takes it over; no other does while that run is fresh, whichever made it."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 1
    assert state_of(gateway, email) is State.UNCONFIRMED
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 0


def test_a_sweep_that_runs_through_the_broker_needs_no_fallback(gateway: Gateway) -> None:
    """As long as beat and its tasks come through, the fallback does nothing."""
    gateway.upkeep.run(Sweep.LEASES)
    gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG)
    assert [row["name"] for row in rows(gateway, "heartbeats")] == ["sweep:leases"]


def test_a_fallback_is_not_joined_by_others_before_it_succeeds(gateway: Gateway) -> None:
    """A sweep that takes long, or fails, is not run by all processes at once."""
    gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG)
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=1), name="sweep:leases")
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 0
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=1))
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 1
    assert state_of(gateway, email) is State.UNCONFIRMED


def test_a_worker_without_a_broker_sweeps(gateway: Gateway) -> None:
    """No bell ever rings, and yet an email whose worker died does not stay with that worker."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    crew = Crew(gateway)
    deadline = time.monotonic() + PATIENCE_S
    while state_of(gateway, email) is State.SENDING and time.monotonic() < deadline:
        time.sleep(0.05)
    crew.close()
    assert state_of(gateway, email) is State.UNCONFIRMED


@pytest.mark.parametrize("taken", [False, True])
def test_the_rest_of_a_drain_goes_on_at_once_when_no_bell_is_taken(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """It goes on at once, until nothing is left; where the broker takes the bell, another worker is called instead."""
    rung, drains, left = threading.Event(), [], iter([True, True])

    def drain(_deliver: object, lane: str) -> Drained:
        drains.append(lane)
        return Drained(more=next(left, False))

    def ring_bells(_upkeep: object) -> int:
        rung.set()
        return int(taken)

    monkeypatch.setattr("worker.process._SILENCE_S", math.inf)
    monkeypatch.setattr("app.services.sending.deliver.Deliver.drain", drain)
    monkeypatch.setattr("app.services.operating.upkeep.Upkeep.ring_bells", ring_bells)
    crew = Crew(gateway)
    crew.drain(Lane.TRANSACTIONAL)
    assert rung.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while not taken and len(drains) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    crew.close()
    assert drains == [Lane.TRANSACTIONAL] + ([] if taken else [*Lane, TEST_LANE] * 2)


def test_events_do_not_wait_until_the_email_is_sent(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no bell is taken, a long drain of email holds up no webhook."""
    first, woken = iter([True]), threading.Event()
    waited: list[bool] = []

    def drain(_deliver: object, _lane: Lane) -> Drained:
        if more := next(first, False):
            return Drained(more=more)
        waited.append(woken.wait(PATIENCE_S))
        return Drained(more=False)

    monkeypatch.setattr("worker.process._SILENCE_S", math.inf)
    monkeypatch.setattr("app.services.sending.deliver.Deliver.drain", drain)
    monkeypatch.setattr("app.services.operating.upkeep.Upkeep.ring_bells", lambda _: 0)
    monkeypatch.setattr("app.services.webhooks.deliver.DeliverWebhooks.drain", lambda _: woken.set())
    crew = Crew(gateway)
    crew.drain(Lane.TRANSACTIONAL)
    assert woken.wait(2 * PATIENCE_S)
    crew.close()
    assert waited[:1] == [True]


def test_no_failure_ends_the_heartbeat(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sweep, or with the database away, the heartbeat tries again; the worker stays visibly alive."""
    failures = iter([RuntimeError("broken"), ServiceUnavailable("away")])

    def fail(*_: object, **__: object) -> int:
        raise next(failures, RuntimeError("still broken"))

    monkeypatch.setattr("app.services.operating.upkeep.Upkeep.stand_in", fail)
    crew = Crew(gateway)
    deadline = time.monotonic() + PATIENCE_S
    while not rows(gateway, "heartbeats", kind="worker") and time.monotonic() < deadline:
        time.sleep(0.05)
    crew.close()
    assert len(rows(gateway, "heartbeats", kind="worker")) == 1


def test_without_a_record_of_rings_a_bell_rings_once_a_second(redis_url: str) -> None:
    """Without Redis's record of rung bells, a burst of notifications is one task and not one each."""
    celery = make_celery(redis_url)
    seconds = [0.0]
    with connect("unix:///nowhere/valkey.sock") as gone, connect(redis_url, patience_s=5) as broker:
        bells = Bells(celery, gone, breaker=RedisBreaker(), monotonic=lambda: seconds[0])
        for _ in range(100):
            assert bells.ring(SETTLE)
        assert broker.llen(f"postern:broker:{Queue.FEEDBACK}") == 1
        seconds[0] = 1.0
        assert bells.ring(SETTLE)
        assert broker.llen(f"postern:broker:{Queue.FEEDBACK}") == 2
    celery.close()
