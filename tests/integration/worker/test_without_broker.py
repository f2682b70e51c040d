"""What the broker does not do is done without it: sweeps that nobody has run, by one process of many."""

import math
import threading
import time
from datetime import timedelta

import pytest

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.queue import SETTLE, Bells, Lane, Queue, make_celery
from app.services.deliver import Drained
from app.services.upkeep import Sweep
from app.store.redis import Breaker, connect
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import state_of, submit, take
from tests.rows import age, rows
from worker.crew import Crew

LONG = timedelta(seconds=15)
PATIENCE_S = 20.0


def test_a_sweep_that_nobody_has_run_is_run_by_one(gateway: Gateway) -> None:
    """The first who notices takes it over; while it is seen, by whoever, nobody else does."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 1
    assert state_of(gateway, mail) is State.UNCONFIRMED
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 0


def test_a_sweep_that_is_run_by_the_broker_needs_nobody(gateway: Gateway) -> None:
    """As long as beat and its tasks come through, the understudy rests."""
    gateway.upkeep.run(Sweep.LEASES)
    gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG)
    assert [row["name"] for row in rows(gateway, "heartbeats")] == ["sweep:leases"]


def test_one_who_stands_in_is_not_joined_before_it_succeeds(gateway: Gateway) -> None:
    """A sweep that takes long, or fails, is not run by all at once."""
    gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG)
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=1), name="sweep:leases")
    mail = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 0
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=1))
    assert gateway.upkeep.stand_in(Sweep.LEASES, silent_for=LONG) == 1
    assert state_of(gateway, mail) is State.UNCONFIRMED


def test_a_worker_without_a_broker_sweeps(gateway: Gateway) -> None:
    """Nobody ever rings, and yet a mail whose worker died does not stay with it."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    take(gateway)
    age(gateway, "recipients", "lease_until", timedelta(seconds=1))
    crew = Crew(gateway)
    deadline = time.monotonic() + PATIENCE_S
    while state_of(gateway, mail) is State.SENDING and time.monotonic() < deadline:
        time.sleep(0.05)
    crew.close()
    assert state_of(gateway, mail) is State.UNCONFIRMED


@pytest.mark.parametrize("taken", [False, True])
def test_what_a_drain_has_left_is_gone_on_with_when_no_bell_is_taken(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """At once, not after a silence, until nothing is left; where the broker takes the bell, it calls somebody."""
    rung, drains, left = threading.Event(), [], iter([True, True])

    def drain(_deliver: object, lane: Lane) -> Drained:
        drains.append(lane)
        return Drained(more=next(left, False))

    def ring_bells(_upkeep: object) -> int:
        rung.set()
        return int(taken)

    monkeypatch.setattr("worker.crew._SILENCE_S", math.inf)
    monkeypatch.setattr("app.services.deliver.Deliver.drain", drain)
    monkeypatch.setattr("app.services.upkeep.Upkeep.ring_bells", ring_bells)
    crew = Crew(gateway)
    crew.drain(Lane.TRANSACTIONAL)
    assert rung.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while not taken and len(drains) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    crew.close()
    assert drains == [Lane.TRANSACTIONAL] + ([] if taken else [*Lane, *Lane])


def test_no_failure_ends_the_pulse(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that breaks, or a database that is away, is tried again; the worker stays alive for all to see."""
    failures = iter([RuntimeError("broken"), ServiceUnavailable("away")])

    def fail(*_: object, **__: object) -> int:
        raise next(failures, RuntimeError("still broken"))

    monkeypatch.setattr("app.services.upkeep.Upkeep.stand_in", fail)
    crew = Crew(gateway)
    deadline = time.monotonic() + PATIENCE_S
    while not rows(gateway, "heartbeats", kind="worker") and time.monotonic() < deadline:
        time.sleep(0.05)
    crew.close()
    assert len(rows(gateway, "heartbeats", kind="worker")) == 1


def test_bells_that_nobody_remembers_are_rung_once_a_second(redis_url: str) -> None:
    """Without the memory of what was rung, a burst of news is one task and not one each."""
    celery = make_celery(redis_url)
    seconds = [0.0]
    with connect("unix:///nowhere/valkey.sock") as gone, connect(redis_url, patience_s=5) as broker:
        bells = Bells(celery, gone, breaker=Breaker(), monotonic=lambda: seconds[0])
        for _ in range(100):
            assert bells.ring(SETTLE)
        assert broker.llen(f"postern:broker:{Queue.FEEDBACK}") == 1
        seconds[0] = 1.0
        assert bells.ring(SETTLE)
        assert broker.llen(f"postern:broker:{Queue.FEEDBACK}") == 2
    celery.close()
