"""A door that was open and is not any more: an operator is alerted, since its clients only wait."""

from contextlib import closing
from datetime import timedelta

import pytest

from app.services.operating.sweeps import Sweep
from app.wiring.gateway import Gateway, build
from tests.support.gateway.gateways import settings_for
from tests.support.gateway.rows import age, rows


def is_noticed(gateway: Gateway) -> bool:
    """Sweep, and look whether the incident is open."""
    gateway.upkeep.run(Sweep.SILENCE)
    return bool(rows(gateway, "incidents", kind="smtp_door_closed", closed_at=None))


@pytest.mark.parametrize("port", [2525, 0])
def test_a_door_that_is_gone_is_noticed(migrated_sqlite_url: str, redis_url: str, port: int) -> None:
    """Once it was open, and where one is configured; it is over when a door opens again."""
    settings = settings_for(migrated_sqlite_url, redis_url, smtp_port=port, smtp_clear_auth_on_loopback=True)
    with closing(build(settings)) as gateway:
        assert not is_noticed(gateway)
        gateway.smtp_door.beat("smtp:host:1", {})
        assert not is_noticed(gateway)
        age(gateway, "heartbeats", "seen_at", timedelta(minutes=3), name="smtp:host:1")
        assert is_noticed(gateway) is (port > 0)
        gateway.smtp_door.beat("smtp:host:2", {})
        assert not is_noticed(gateway)
