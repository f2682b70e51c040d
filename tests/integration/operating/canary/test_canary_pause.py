"""A canary that does not come back pauses the bulk lane, and takes nothing from a person who pauses or resumes it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.services.operating.sweeps import Sweep
from app.store.sending import circuits
from app.store.tables.core import audit
from app.wiring.gateway import Gateway
from tests.integration.operating.canary.canaries import (
    OPTIONS,
    come_back_after_all,
    lanes,
    miss,
    open_incidents,
    pass_by,
)
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, mailer: ScriptedMailer) -> Iterator[Gateway]:
    """A gateway that sends canaries."""
    with gateway_on(migrated_url, redis_url, mailer=mailer, **OPTIONS) as built:
        yield built


def test_a_missing_one_pauses_the_bulk_lane_until_one_comes_back(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Transactional email goes on; the pause is in the audit, and email that waits says why."""
    miss(gateway)
    assert lanes(gateway) == ["lane:bulk"]
    waits = submit(gateway, caller(gateway), "ann@example.net", lane=Lane.BULK)
    gateway.deliver.drain(Lane.BULK)
    [recipient] = gateway.look_up.email(ROOT, waits).recipients
    assert recipient.reason is not None
    assert "canary has not come back" in recipient.reason
    come_back_after_all(gateway, mailer)
    assert lanes(gateway) == []
    gateway.deliver.drain(Lane.BULK)
    assert state_of(gateway, waits) is State.SENT
    with gateway.database.reading() as connection:
        written = connection.execute(select(audit.c.action).where(audit.c.actor == "canary").order_by(audit.c.at))
        assert [row.action for row in written] == ["pause", "resume"]


def test_a_person_decides_about_the_pause(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """What a person resumed is not paused again, and what a person paused is not resumed."""
    miss(gateway)
    gateway.pause_lanes.resume(ROOT, Lane.BULK)
    pass_by(gateway, minutes=16)
    miss(gateway)
    assert lanes(gateway) == []
    gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="Wrong picture.")
    come_back_after_all(gateway, mailer)
    assert lanes(gateway) == ["lane:bulk"]


def test_a_lane_that_a_person_paused_stays_theirs(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The canary adds nothing to it and takes nothing from it."""
    gateway.pause_lanes.pause(operator("ann"), Lane.BULK, reason="Wrong picture.")
    miss(gateway)
    come_back_after_all(gateway, mailer)
    with gateway.database.reading() as connection:
        assert [one.reason for one in circuits.all_open(connection)] == ["Wrong picture."]


def test_without_the_setting_nothing_is_paused(migrated_url: str, redis_url: str) -> None:
    """The incident is there all the same."""
    with gateway_on(migrated_url, redis_url, **OPTIONS | {"canary_pauses_bulk": False}) as gateway:
        miss(gateway)
        assert lanes(gateway) == []
        assert [kind for kind, _ in open_incidents(gateway)] == ["canary_missing"]


def test_turning_it_off_ends_what_it_had_begun(gateway: Gateway, migrated_url: str, redis_url: str) -> None:
    """The incident and the pause would otherwise wait for a canary that never comes."""
    miss(gateway)
    with gateway_on(migrated_url, redis_url) as without:
        without.upkeep.run(Sweep.CANARY)
        assert lanes(without) == []
        assert open_incidents(without) == []
        assert "canary" not in {one.name for one in without.health.ready()}
        assert without.measure().canary is None
