"""What failed at any endpoint is one list for an administrator, and can be sent once more."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert

from app.domain.errors import RestrictedApiKey
from app.domain.webhooks.retries import DeliveryState
from app.services.paging import Page
from app.services.webhooks.deliveries import COUNTED_AT_MOST, Backlog
from app.store.engine.database import clock
from app.store.engine.ids import new_id
from app.store.tables.core import webhook_deliveries
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.webhooks.endpoints import ACCEPTED, REFUSED, URL, scripted, sent_to, states, subscribe

ALL = Page(limit=100)


def fail(gateway: Gateway, endpoint_id: UUID, *, among: int) -> list[UUID]:
    """End so many of the endpoint's deliveries as failed, the oldest first. Their ids."""
    ids = [row["id"] for row in rows(gateway, "webhook_deliveries", endpoint_id=endpoint_id)][:among]
    for one in ids:
        change(gateway, "webhook_deliveries", {"state": "failed"}, id=one)
    return ids


def test_what_failed_is_listed_over_all_endpoints(gateway: Gateway) -> None:
    """Newest first, page by page, with the endpoint and what its last answer was; nothing of one that was deleted."""
    scripted(gateway, lambda posted: ACCEPTED if posted.url == URL else REFUSED)
    expected = []
    for app in ("invites", "billing"):
        who = caller(gateway, app=app)
        endpoint = subscribe(gateway, who, "email.sent", url=f"{URL}/{app}").endpoint
        sent_to(gateway, who, "ann@example.net", "bob@example.net")
        gateway.webhooks.deliver.drain()
        expected += fail(gateway, endpoint.id, among=2)
    found = gateway.webhooks.deliveries.failed(ROOT, ALL).data
    assert [one.id for one in found] == expected[::-1]
    assert {(one.app, one.url, one.type, one.detail) for one in found} == {
        (app, f"{URL}/{app}", "email.sent", "It answered 422.") for app in ("invites", "billing")
    }
    first = gateway.webhooks.deliveries.failed(ROOT, Page(limit=3))
    rest = gateway.webhooks.deliveries.failed(ROOT, Page(limit=3, after=first.data[-1].id))
    assert ([one.id for one in (*first.data, *rest.data)], first.has_more, rest.has_more) == (
        expected[::-1],
        True,
        False,
    )
    of_one = gateway.webhooks.deliveries.failed(ROOT, ALL, app="invites").data
    assert [one.id for one in of_one] == expected[1::-1]
    gateway.webhooks.endpoints.delete(ROOT, of_one[0].endpoint_id)
    assert [one.app for one in gateway.webhooks.deliveries.failed(ROOT, ALL).data] == ["billing", "billing"]


def test_an_application_does_not_see_what_failed_of_others(gateway: Gateway) -> None:
    """The list of all endpoints is for administrators."""
    with pytest.raises(RestrictedApiKey):
        gateway.webhooks.deliveries.failed(caller(gateway), ALL)


def test_only_what_failed_is_replayed_where_that_is_asked_for(gateway: Gateway) -> None:
    """What was delivered is not delivered twice; the audit has the reason."""
    scripted(gateway)
    who = caller(gateway)
    endpoint = subscribe(gateway, who, "email.sent").endpoint
    sent_to(gateway, who, "ann@example.net", "bob@example.net", "cid@example.net")
    gateway.webhooks.deliver.drain()
    fail(gateway, endpoint.id, among=2)
    assert states(gateway, who, endpoint.id) == ["failed", "failed", "delivered"]
    assert gateway.webhooks.deliveries.backlog(who, endpoint.id) == Backlog(waiting=0, failed=2)
    with gateway.database.reading() as connection:
        now = clock(connection)
    replayed = gateway.webhooks.deliveries.replay_period(
        ROOT,
        endpoint.id,
        since=now - timedelta(days=1),
        until=now + timedelta(days=1),
        state=DeliveryState.FAILED,
        reason="Mended.",
    )
    assert (replayed, states(gateway, who, endpoint.id)) == (2, ["waiting", "waiting", "delivered"])
    assert gateway.webhooks.deliveries.backlog(who, endpoint.id) == Backlog(waiting=2, failed=0)
    [noted] = rows(gateway, "audit", action="webhook_replay")
    assert (noted["reason"], noted["data"]["deliveries"]) == ("Mended.", 2)


def test_a_long_backlog_is_not_counted_to_its_end(gateway: Gateway) -> None:
    """A page about an endpoint costs the same however many deliveries wait for it."""
    who = caller(gateway)
    endpoint = subscribe(gateway, who, "email.sent").endpoint
    gateway.webhooks.endpoints.test(who, endpoint.id)
    [row] = rows(gateway, "webhook_deliveries")
    with gateway.database.transaction() as connection:
        connection.execute(insert(webhook_deliveries), [{**row, "id": new_id()} for _ in range(COUNTED_AT_MOST)])
    assert gateway.webhooks.deliveries.backlog(who, endpoint.id) == Backlog(waiting=COUNTED_AT_MOST, failed=0)
