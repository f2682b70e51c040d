"""The canary: sent when it is due, missed when it does not come back, and one for all workers."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.domain.apps.callers import Scope
from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Ambiguous
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.health import Check
from app.services.operating.sweeps import Sweep
from app.services.sending.unconfirmed import CANARY
from app.store.engine.database import clock
from app.store.operating import incidents
from app.store.tables.core import recipients
from app.wiring.gateway import Gateway, build
from config import SettingsError
from tests.integration.operating.canary.canaries import OPTIONS, canaries, come_back, open_incidents, pass_by, sweep
from tests.support.gateway.emails import ROOT, state_of
from tests.support.gateway.gateways import ScriptedMailer, gateway_on, settings_for
from tests.support.gateway.web import web_on


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> Iterator[Gateway]:
    """A gateway that sends canaries."""
    with gateway_on(migrated_url, redis_url, mailer=mailer, **OPTIONS) as built:
        yield built


def check(gateway: Gateway) -> Check:
    """The line of `/readyz`."""
    return next(one for one in gateway.health.ready() if one.name == "canary")


def test_one_is_sent_when_it_is_due_and_its_time_is_kept(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The first at once, the next after CANARY_MINUTES; from acceptance to its first event is its round trip."""
    assert sweep(gateway).is_on_its_way
    come_back(gateway, mailer)
    state = sweep(gateway)
    assert (state.is_back, state.missed) == (True, 0)
    assert state.seconds is not None
    assert 0 <= state.seconds < 60
    assert "came back at" in check(gateway).detail
    assert sweep(gateway) == state
    pass_by(gateway, minutes=14)
    assert not sweep(gateway).is_on_its_way
    pass_by(gateway, minutes=2)
    assert sweep(gateway).is_on_its_way
    assert canaries(gateway) == 2
    assert mailer.sent[0].sender == "canary@example.com"


def test_it_is_no_email_of_an_application(gateway: Gateway) -> None:
    """Postern's own application has it, and no other's list."""
    state = sweep(gateway)
    assert state.email_id is not None
    assert gateway.look_up.email(ROOT, state.email_id).app == "postern"


def test_a_missing_one_is_an_incident_that_ends_with_the_next(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """It says where the canary stopped, `/readyz` says it without being unready, and it closes by itself."""
    sweep(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    pass_by(gateway, seconds=301)
    assert sweep(gateway).missed == 1
    [(kind, detail)] = open_incidents(gateway)
    assert kind == "canary_missing"
    assert "SES took it, and no event has arrived" in detail
    assert CANARY not in detail
    assert (check(gateway).ok, check(gateway).required) == (False, False)
    pass_by(gateway, minutes=15)
    assert sweep(gateway).is_on_its_way
    assert not check(gateway).ok, "until one has come back"
    come_back(gateway, mailer)
    assert sweep(gateway).missed == 0
    assert open_incidents(gateway) == []
    assert check(gateway).ok


def test_each_missing_one_is_counted_once(gateway: Gateway) -> None:
    """However often the sweep looks."""
    for number in (1, 2):
        sweep(gateway)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        pass_by(gateway, minutes=16)
        for _ in range(3):
            state = sweep(gateway)
        assert state.missed == number
    with gateway.database.reading() as connection:
        [one] = incidents.all_open(connection, limit=10)
    assert one.count == 2


def test_none_is_added_while_sending_is_stopped(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The one that waits goes out when emails do; it is missing meanwhile, and the incident says what holds it."""
    gateway.pause_lanes.pause(ROOT, Lane.TRANSACTIONAL, reason="Maintenance.")
    for _ in range(5):
        sweep(gateway)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        pass_by(gateway, minutes=20)
    sweep(gateway)
    assert canaries(gateway) == 1
    [(_, detail)] = open_incidents(gateway)
    assert "no worker has claimed it (lane:transactional: Maintenance.)" in detail
    gateway.pause_lanes.resume(ROOT, Lane.TRANSACTIONAL)
    come_back(gateway, mailer)
    sweep(gateway)
    assert open_incidents(gateway) == []


def test_many_workers_send_one(gateway: Gateway, migrated_url: str, redis_url: str) -> None:
    """Their sweeps run at the same moment."""
    others = [build(settings_for(migrated_url, redis_url, **OPTIONS), mailer=ScriptedMailer()) for _ in range(4)]
    start, failures = threading.Barrier(len(others)), []

    def run(one: Gateway) -> None:
        start.wait()
        try:
            one.upkeep.run(Sweep.CANARY)
        except ServiceUnavailable as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert len(failures) < len(others)
    sweep(gateway)
    assert canaries(gateway) == 1


def test_a_worker_that_is_killed_leaves_no_half_canary(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The email and the memory of it are committed at once, or neither."""

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("app.services.operating.canary.watch.memory.write", killed)
        with pytest.raises(SystemExit):
            gateway.upkeep.run(Sweep.CANARY)
    assert canaries(gateway) == 0
    assert sweep(gateway).is_on_its_way
    assert canaries(gateway) == 1


def test_held_ones_are_discarded_once_one_comes_back(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A person never has to decide about a canary."""
    mailer.answers = {CANARY: Ambiguous("The call timed out.")}
    state = sweep(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    with gateway.database.transaction() as connection:
        long_ago = clock(connection) - timedelta(days=1)
        mine = recipients.c.email_id == state.email_id
        connection.execute(update(recipients).where(mine).values(unconfirmed_since=long_ago))
    gateway.upkeep.run(Sweep.UNCONFIRMED)
    assert state.email_id is not None
    assert state_of(gateway, state.email_id) is State.HELD
    mailer.answers = {}
    pass_by(gateway, minutes=16)
    sweep(gateway)
    come_back(gateway, mailer)
    sweep(gateway)
    assert state_of(gateway, state.email_id) is State.CANCELED


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_sender_that_is_no_address_stops_the_start(migrated_url: str, redis_url: str) -> None:
    """So does none at all."""
    with pytest.raises(SettingsError, match="CANARY_FROM"):
        build(settings_for(migrated_url, redis_url, canary_minutes=1, canary_from="nobody"))
    with pytest.raises(ValueError, match="CANARY_FROM"):
        settings_for(migrated_url, redis_url, canary_minutes=1)


def test_its_figures_are_metrics(migrated_url: str, redis_url: str) -> None:
    """The age of the last one that came back, its round trip, and how many are missing since."""
    with web_on(migrated_url, redis_url, **OPTIONS) as web:
        headers = web.key("prometheus", Scope.METRICS_READ)

        def figures() -> dict[str, float]:
            lines = web.client.get("/metrics", headers=headers).text.splitlines()
            return {
                name: float(value)
                for name, _, value in (line.partition(" ") for line in lines if line.startswith("postern_canar"))
            }

        assert figures() == {"postern_canaries_missing": 0.0}
        sweep(web.gateway)
        come_back(web.gateway, web.mailer)
        sweep(web.gateway)
        found = figures()
        assert found.keys() == {
            "postern_canaries_missing",
            "postern_canary_age_seconds",
            "postern_canary_round_trip_seconds",
        }
        assert all(0 <= value < 60 for value in found.values())
