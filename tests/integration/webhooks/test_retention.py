"""Events for endpoints are deleted with their deliveries and calls once their time is over, and not before."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.store.engine.ids import new_id
from app.store.webhooks import outbox
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import complaint, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, count, rows
from tests.support.webhooks.endpoints import scripted, sent_to, subscribe

# The events of these tests are old by their time alone, which their ids do not say.
LAST_ID = UUID(int=(1 << 128) - 1)
TABLES = ("webhook_messages", "webhook_deliveries", "webhook_attempts")


def test_an_event_is_deleted_after_its_retention(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is younger stays, and so does the endpoint."""
    monkeypatch.setattr(outbox, "first_id_of", lambda _: LAST_ID)
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


def test_sequence_grows_also_after_older_events_are_deleted(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A complaint may come months later, and a receiver that knows the bounce must not take it for the older one."""
    who = caller(gateway)
    scripted(gateway)
    subscribe(gateway, who, "email.sent", "email.delivered", "email.complained")
    [email] = sent_to(gateway, who, "kim@example.net")
    feed(gateway, delivery(gateway, email))
    *_, last = [row["sequence"] for row in rows(gateway, "webhook_messages")]
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "first_id_of", lambda _: LAST_ID)
        age(gateway, "webhook_messages", "occurred_at", timedelta(days=91))
        gateway.upkeep.run(Sweep.RETENTION)
    assert count(gateway, "webhook_messages") == 0

    monkeypatch.setattr(outbox, "new_id", lambda: UUID(int=new_id().int + (91 * 86_400_000 << 80)))
    feed(gateway, complaint(gateway, email))
    [late] = rows(gateway, "webhook_messages")
    assert late["sequence"] > last
