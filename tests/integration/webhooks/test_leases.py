"""One process calls an endpoint at a time, and what a dead or frozen process leaves is delivered all the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.webhooks.post_result import PostResult
from app.services.webhooks.record import Called
from app.services.webhooks.turn import Turn
from app.store.engine.ids import new_id
from app.store.webhooks import deliveries, endpoints
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, count, rows
from tests.support.webhooks.endpoints import (
    ACCEPTED,
    SILENT,
    scripted,
    sent_to,
    states,
    subscribe,
)


def test_a_worker_that_dies_before_it_records_leaves_the_event_to_another(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its lease is over the event is sent again, under the same id: at least once, and a receiver can tell."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")

    def dies(*_: object) -> None:
        raise SystemExit

    parts = gateway.webhooks.deliver.parts
    with monkeypatch.context() as patch:
        patch.setattr(gateway.webhooks.deliver, "parts", replace(parts, record=dies))  # type: ignore[arg-type]
        patch.setattr(endpoints, "release", lambda *_, **__: None)
        with pytest.raises(SystemExit):
            one_turn(gateway)
    assert gateway.webhooks.deliver.drain() == 0
    age(gateway, "webhook_endpoints", "lease_until", timedelta(seconds=1))
    assert gateway.webhooks.deliver.drain() == 1

    first, second = poster.got
    assert (first.id, first.body) == (second.id, second.body)
    assert states(gateway, who, added.endpoint.id) == ["delivered"]


def one_turn(gateway: Gateway) -> None:
    """Claim the endpoint and give it a turn in this thread, as a process does that is about to die."""
    token = new_id()
    with gateway.database.transaction() as connection:
        [endpoint] = endpoints.claim(connection, token, limit=1)
    Turn(gateway.webhooks.deliver.parts, endpoint, token).run()


def test_an_endpoint_is_called_by_one_process_at_a_time(gateway: Gateway) -> None:
    """A second claim finds nothing until the lease of the first is over."""
    who = caller(gateway)
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    with gateway.database.transaction() as connection:
        assert len(endpoints.claim(connection, new_id(), limit=5)) == 1
    with gateway.database.transaction() as connection:
        assert endpoints.claim(connection, new_id(), limit=5) == ()
        assert not endpoints.has_due(connection)
    age(gateway, "webhook_endpoints", "lease_until", timedelta(seconds=1))
    with gateway.database.transaction() as connection:
        assert len(endpoints.claim(connection, new_id(), limit=5)) == 1


def reported_late(gateway: Gateway, results: Sequence[PostResult]) -> UUID:
    """A process that lost its lease reports these results; the endpoint of a single event."""
    with gateway.database.transaction() as connection:
        old, new = new_id(), new_id()
        [endpoint] = endpoints.claim(connection, old, limit=1)
        due = deliveries.due(connection, endpoint.id, limit=10)
    age(gateway, "webhook_endpoints", "lease_until", timedelta(seconds=1))
    with gateway.database.transaction() as connection:
        endpoints.claim(connection, new, limit=1)
    calls = [Called(one, result) for one, result in zip(due, results, strict=True)]
    gateway.webhooks.deliver.parts.record(endpoint.id, old, calls)
    return endpoint.id


def test_a_failure_counts_only_while_the_claim_holds_the_endpoint(gateway: Gateway) -> None:
    """A process that was frozen for minutes must not put off what another one is delivering."""
    who = caller(gateway)
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    reported_late(gateway, [SILENT])
    [row], [endpoint] = rows(gateway, "webhook_deliveries"), rows(gateway, "webhook_endpoints")
    assert (row["state"], row["tries"], endpoint["failures"]) == ("waiting", 0, 0)
    assert count(gateway, "webhook_attempts") == 1


def test_that_an_endpoint_took_an_event_counts_whoever_reports_it(gateway: Gateway) -> None:
    """It is evidence: sending the event again would help nobody."""
    who = caller(gateway)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    reported_late(gateway, [ACCEPTED])
    assert states(gateway, who, added.endpoint.id) == ["delivered"]
