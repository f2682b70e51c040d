"""An operator is alerted as incidents and circuits open and close, once each."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.errors import ValidationFailed
from app.domain.webhooks.events import SUBSCRIBABLE
from app.queue import Lane
from app.services.operating.alerts.channels import EndpointFormat
from app.services.operating.sweeps import Sweep
from app.services.webhooks.endpoints import NewEndpoint
from app.store.operating import incidents
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import rows

URL = "https://hooks.example.com/postern"
SLACK = "https://hooks.slack.example/services/T0/B0/x"


@pytest.fixture
def gateway(gateway: Gateway) -> Gateway:
    """A gateway with one channel."""
    gateway.alert_channels.add(ROOT, SLACK, EndpointFormat.SLACK)
    return gateway


def note(gateway: Gateway, subject: str = "microsoft", detail: str = "550 blocked") -> None:
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind="refused_for_policy", subject=subject, detail=detail)


def close_all(gateway: Gateway) -> None:
    for one in gateway.triage.incidents(ROOT, limit=100):
        gateway.triage.close(ROOT, one.id, reason="Mended.")


def announced(gateway: Gateway) -> list[tuple[str, str]]:
    """Sweep, and list what was announced so far: the event and its subject."""
    gateway.upkeep.run(Sweep.ALERTS)
    return [(row["type"], facts(row)["subject"]) for row in rows(gateway, "webhook_messages")]


def facts(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row["facts"])


def test_an_incident_is_announced_when_it_opens_and_when_it_closes(gateway: Gateway) -> None:
    """However often it happens in between, and however often the sweep runs."""
    note(gateway)
    assert announced(gateway) == [("incident.opened", "microsoft")]
    note(gateway)
    assert announced(gateway) == [("incident.opened", "microsoft")]
    close_all(gateway)
    expected = [("incident.opened", "microsoft"), ("incident.closed", "microsoft")]
    assert announced(gateway) == expected
    assert announced(gateway) == expected


def test_an_incident_that_opens_again_is_announced_again(gateway: Gateway) -> None:
    """It is another time that a person has to act."""
    note(gateway)
    announced(gateway)
    close_all(gateway)
    announced(gateway)
    note(gateway)
    assert [event for event, _ in announced(gateway)] == ["incident.opened", "incident.closed", "incident.opened"]


def test_what_is_over_leaves_no_row(gateway: Gateway) -> None:
    """A sweep reads what is open alone, however many incidents there have been."""
    note(gateway)
    announced(gateway)
    close_all(gateway)
    announced(gateway)
    assert rows(gateway, "alerts") == []


def test_all_changes_are_written_together(gateway: Gateway) -> None:
    """An outage opens hundreds of incidents at once: the channels are not looked up for each of them."""
    for number in range(20):
        note(gateway, f"provider {number}")
    statements: list[str] = []
    event.listen(gateway.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert len(announced(gateway)) == 20
    assert sum("FROM webhook_endpoints" in one for one in statements) <= 2


def test_a_circuit_is_announced(gateway: Gateway) -> None:
    """A lane that a person has paused is one: others see that it waits."""
    gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="A fault of ours.")
    assert announced(gateway) == [("circuit.opened", "lane:bulk")]
    gateway.pause_lanes.resume(ROOT, Lane.BULK)
    assert announced(gateway) == [("circuit.opened", "lane:bulk"), ("circuit.closed", "lane:bulk")]


def test_what_is_open_is_announced_to_a_new_channel(gateway: Gateway) -> None:
    """The first channel learns of what is open already."""
    (channel,) = gateway.alert_channels.all(ROOT)
    gateway.alert_channels.remove(ROOT, channel.id)
    note(gateway)
    assert announced(gateway) == []
    gateway.alert_channels.add(ROOT, SLACK, EndpointFormat.SLACK)
    assert announced(gateway) == [("incident.opened", "microsoft")]


def test_no_address_is_announced(gateway: Gateway) -> None:
    """A server's reply may quote one; a channel is outside of the gateway."""
    note(gateway, detail="550 kim@example.net is blocked, see our page")
    announced(gateway)
    (row,) = rows(gateway, "webhook_messages")
    assert facts(row)["detail"] == "550 [redacted] is blocked, see our page"


def test_many_open_incidents_are_not_announced_as_closed(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep reads the latest of them, and others stay open."""
    monkeypatch.setattr("app.services.operating.alerts.watch._MOST", 2)
    for number in range(4):
        note(gateway, f"provider {number}")
        gateway.upkeep.run(Sweep.ALERTS)
    assert {event for event, _ in announced(gateway)} == {"incident.opened"}


def test_an_application_cannot_subscribe_to_the_operators_alerts(gateway: Gateway) -> None:
    """They concern all applications."""
    endpoints = gateway.webhooks.endpoints
    with pytest.raises(ValidationFailed) as refused:
        endpoints.add(caller(gateway), NewEndpoint(url=URL, events=("email.sent", "incident.opened")))
    assert [fault.pointer for fault in refused.value.faults] == ["/events/1"]
    endpoints.add(caller(gateway), NewEndpoint(url=URL, events=tuple(one.value for one in SUBSCRIBABLE)))
    note(gateway)
    announced(gateway)
    (delivery,) = rows(gateway, "webhook_deliveries")
    assert delivery["endpoint_id"] == gateway.alert_channels.all(ROOT)[0].id
