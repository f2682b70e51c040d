"""What calls say of an endpoint and of an event is recorded, and an endpoint that is gone or dead is disabled."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from app.domain.webhooks.post_result import PostResult
from app.services.webhooks.endpoints import EndpointChange, EndpointStatus
from app.services.webhooks.record import WEBHOOK_DISABLED, Called
from app.services.webhooks.turn import WEBHOOK_UNSIGNED
from app.store.engine.ids import new_id
from app.store.webhooks import deliveries, endpoints
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, count, rows
from tests.support.webhooks.endpoints import (
    ACCEPTED,
    BROKEN,
    GONE,
    REFUSED,
    SILENT,
    let_wait_end,
    scripted,
    sent_to,
    states,
    subscribe,
)

OTHER_URL = "https://other.example.org/hooks"


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


def test_an_endpoint_that_is_gone_is_disabled_at_once(gateway: Gateway) -> None:
    """410 asks for no more events. An incident says so, and new events are not written for it."""
    who = caller(gateway)
    scripted(gateway, lambda _: GONE)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    [incident] = rows(gateway, "incidents", kind=WEBHOOK_DISABLED)
    assert incident["subject"] == f"invites {added.endpoint.id}"
    sent_to(gateway, who, "ann@example.net")
    assert count(gateway, "webhook_deliveries") == 1


def test_an_endpoint_is_disabled_after_five_days_without_a_success(gateway: Gateway) -> None:
    """What waits for it is kept, and is sent when it is enabled again."""
    who, up = caller(gateway), threading.Event()
    poster = scripted(gateway, lambda _: ACCEPTED if up.is_set() else BROKEN)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net", "ann@example.net")
    gateway.webhooks.deliver.drain()
    age(gateway, "webhook_endpoints", "failing_since", timedelta(days=4, hours=23))
    let_wait_end(gateway)
    gateway.webhooks.deliver.drain()
    assert rows(gateway, "webhook_endpoints")[0]["disabled_at"] is None
    age(gateway, "webhook_endpoints", "failing_since", timedelta(days=5))
    let_wait_end(gateway)
    gateway.webhooks.deliver.drain()
    assert "5 days" in rows(gateway, "webhook_endpoints")[0]["disabled_why"]
    let_wait_end(gateway)
    assert gateway.webhooks.deliver.drain() == 0

    up.set()
    gateway.webhooks.endpoints.change(who, added.endpoint.id, EndpointChange(status=EndpointStatus.ENABLED))
    before = len(poster.got)
    assert gateway.webhooks.deliver.drain() == 2
    assert len(poster.got) == before + 2


def test_one_event_that_is_refused_for_days_disables_nothing_that_works(gateway: Gateway) -> None:
    """Any success ends the time for which an endpoint has been failing."""
    who = caller(gateway)
    scripted(gateway, lambda posted: REFUSED if b"kim@" in posted.body else ACCEPTED)
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    age(gateway, "webhook_endpoints", "failing_since", timedelta(days=6))
    sent_to(gateway, who, "ann@example.net")
    gateway.webhooks.deliver.drain()
    let_wait_end(gateway)
    gateway.webhooks.deliver.drain()
    assert rows(gateway, "webhook_endpoints")[0]["disabled_at"] is None


def test_the_answer_of_an_endpoint_is_kept_without_addresses(gateway: Gateway) -> None:
    """Receivers put what they got into their errors."""
    who = caller(gateway)
    scripted(gateway, lambda _: replace(BROKEN, response='{"error": "no user kim@example.net"}'))
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    [attempt] = rows(gateway, "webhook_attempts")
    assert "no user" in attempt["response"]
    assert "kim@" not in attempt["response"]


def test_a_secret_that_cannot_be_opened_holds_back_its_endpoint_alone(gateway: Gateway) -> None:
    """An incident says so, and nothing is sent without a signature."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent", url=OTHER_URL)
    subscribe(gateway, who, "email.sent")
    change(gateway, "webhook_secrets", {"sealed": b"altered" * 8}, endpoint_id=added.endpoint.id)
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    assert (poster.types(), poster.types(OTHER_URL)) == (["email.sent"], [])
    [incident] = rows(gateway, "incidents", kind=WEBHOOK_UNSIGNED)
    assert incident["subject"] == f"invites {added.endpoint.id}"
    assert gateway.webhooks.deliver.drain() == 0


def test_a_deleted_endpoint_gets_nothing_more(gateway: Gateway) -> None:
    """Also what waits for it already is not sent."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.endpoints.delete(who, added.endpoint.id)
    gateway.webhooks.deliver.drain()
    assert (poster.got, count(gateway, "webhook_secrets")) == ([], 0)


def test_the_sweep_rings_for_due_events(gateway: Gateway) -> None:
    """A bell that was lost, or a delivery that was put off, is found within a second."""
    who = caller(gateway)
    subscribe(gateway, who, "email.sent")
    assert gateway.upkeep.ring_bells() == 0
    sent_to(gateway, who, "kim@example.net")
    assert gateway.upkeep.ring_bells() == 1
