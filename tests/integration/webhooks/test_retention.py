"""Events for endpoints are deleted with their deliveries and calls once their time is over, and not before."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.queue import Lane
from app.services.operating.upkeep import Sweep
from app.store.webhooks import outbox
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, count, rows
from tests.support.webhooks.endpoints import scripted, subscribe

TABLES = ("webhook_messages", "webhook_deliveries", "webhook_attempts")


def test_an_event_is_deleted_after_its_retention(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is younger stays, and so does the endpoint."""
    # The events of this test are old by their time alone, which their ids do not say.
    monkeypatch.setattr(outbox, "first_id_of", lambda _: UUID(int=(1 << 128) - 1))
    who = caller(gateway)
    scripted(gateway)
    subscribe(gateway, who, "email.sent")
    for address in ("kim@example.net", "ann@example.net"):
        submit(gateway, who, address)
        gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.webhooks.deliver.drain()
    old, young = rows(gateway, "webhook_messages")
    age(gateway, "webhook_messages", "occurred_at", timedelta(days=91), id=old["id"])
    age(gateway, "webhook_messages", "occurred_at", timedelta(days=89), id=young["id"])
    assert [count(gateway, table) for table in TABLES] == [2, 2, 2]
    gateway.upkeep.run(Sweep.RETENTION)
    assert [count(gateway, table) for table in TABLES] == [1, 1, 1]
    assert rows(gateway, "webhook_messages")[0]["id"] == young["id"]
    assert count(gateway, "webhook_endpoints") == 1
