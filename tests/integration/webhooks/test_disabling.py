"""An endpoint that asks for no more events, or takes none for days, is disabled; what waits for it is kept."""

import threading
from datetime import timedelta

from app.services.webhooks.endpoints import EndpointChange, EndpointStatus
from app.services.webhooks.record import WEBHOOK_DISABLED
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, count, rows
from tests.support.webhooks.endpoints import (
    ACCEPTED,
    BROKEN,
    GONE,
    REFUSED,
    let_wait_end,
    scripted,
    sent_to,
    subscribe,
)


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


def test_an_endpoint_that_was_not_called_for_days_is_not_disabled_by_one_failure(gateway: Gateway) -> None:
    """The days say nothing of it. It is disabled when that event fails again."""
    who = caller(gateway)
    scripted(gateway, lambda _: BROKEN)
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    change(gateway, "webhook_deliveries", {"state": "failed"})
    age(gateway, "webhook_endpoints", "failing_since", timedelta(days=6))
    sent_to(gateway, who, "ann@example.net")
    for is_disabled in (False, True):
        let_wait_end(gateway)
        assert gateway.webhooks.deliver.drain() == 1
        assert (rows(gateway, "webhook_endpoints")[0]["disabled_at"] is not None) is is_disabled


def test_an_endpoint_with_a_new_url_begins_anew(gateway: Gateway) -> None:
    """What the one before did is not held against it."""
    who = caller(gateway)
    scripted(gateway, lambda _: BROKEN)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    let_wait_end(gateway)
    gateway.webhooks.deliver.drain()
    gateway.webhooks.endpoints.change(who, added.endpoint.id, EndpointChange(url="https://new.example.net/"))
    [row] = rows(gateway, "webhook_endpoints")
    assert (row["failures"], row["failing_since"]) == (0, None)


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
