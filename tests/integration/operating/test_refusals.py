"""Incidents of servers that refuse us: one for each provider and rule, closed when the provider delivers again."""

import json
from datetime import datetime, timedelta

from app.services.operating.sweeps import Sweep
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event, bounced, delivered, put
from tests.support.gateway.rows import rows

LISTED = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked using a list (S3150)"}
SPF = {"action": "failed", "status": "5.7.23", "diagnosticCode": "smtp; 550 5.7.23 SPF check failed"}


def settle(gateway: Gateway, *events: Event) -> None:
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def subjects(gateway: Gateway) -> dict[str, int]:
    return {row["subject"]: row["count"] for row in rows(gateway, "incidents", closed_at=None)}


def now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


def test_refusals_are_one_incident_for_each_provider_and_rule(gateway: Gateway) -> None:
    """However many domains a provider serves; a domain of an unknown provider is a group of its own."""
    settle(
        gateway,
        bounced("kim@outlook.com", message="m1", fields=LISTED),
        bounced("lee@hotmail.com", message="m2", fields=LISTED),
        bounced("max@outlook.com", message="m3", fields=SPF),
        bounced("ann@example.net", message="m4", fields=SPF),
    )
    assert subjects(gateway) == {
        "microsoft: outlook-legacy-block": 2,
        "microsoft: authentication": 1,
        "example.net: authentication": 1,
    }
    details = {row["subject"]: row["detail"] for row in rows(gateway, "incidents")}
    assert "sendersupport" in details["microsoft: outlook-legacy-block"]
    assert "Turn to" not in details["example.net: authentication"]


def test_a_delivery_by_the_provider_closes_its_incidents(gateway: Gateway) -> None:
    """A delivery before the refusal proves nothing, and one by another provider neither."""
    settle(gateway, bounced("kim@outlook.com", message="m1", fields=LISTED))
    at = now(gateway)
    settle(gateway, delivered("lee@hotmail.com", message="m2", at=at - timedelta(minutes=5)))
    settle(gateway, delivered("ann@example.net", message="m3", at=at + timedelta(minutes=5)))
    assert gateway.upkeep.run(Sweep.REFUSALS) == 0
    assert subjects(gateway) == {"microsoft: outlook-legacy-block": 1}

    settle(gateway, delivered("max@hotmail.com", message="m4", at=at + timedelta(minutes=5)))
    assert gateway.upkeep.run(Sweep.REFUSALS) == 1
    assert subjects(gateway) == {}
