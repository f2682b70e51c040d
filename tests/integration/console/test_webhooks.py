"""Webhooks in the console: endpoints, their deliveries, and what failed at any of them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID

import pytest

from app.domain.users.roles import Role
from app.domain.webhooks.events import SUBSCRIBABLE
from app.domain.webhooks.formats import EndpointFormat
from app.domain.webhooks.post_result import PostOutcome, PostResult
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import NO_ID, Web, web_on
from tests.support.webhooks.endpoints import URL, scripted, sent_to, states, subscribe

WHY = {"reason": "As asked in ticket 7."}
ATTACK = PostResult(PostOutcome.REFUSED, 422, "It answered 422.", "<script>alert(1)</script> kim@example.net", 0.01)
TODAY = {"since": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}", "until": f"{datetime.now(UTC):%Y-%m-%d}"}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def endpoint(web: Web) -> UUID:
    """An endpoint of the application `invites` with a delivery that failed, and one that waits."""
    who = caller(web.gateway, app="invites")
    scripted(web.gateway, lambda _: ATTACK)
    made = subscribe(web.gateway, who, "email.sent").endpoint.id
    sent_to(web.gateway, who, "ann@example.net", "bob@example.net")
    web.gateway.webhooks.deliver.drain()
    change(web.gateway, "webhook_deliveries", {"state": "failed"}, id=ids(web)[0])
    return made


@pytest.fixture
def admin(web: Web) -> Person:
    return signed_in(web)


def ids(web: Web) -> list[UUID]:
    """The deliveries, oldest first."""
    return [row["id"] for row in rows(web.gateway, "webhook_deliveries")]


def audited(web: Web, action: str) -> list[tuple[str, str]]:
    found = rows(web.gateway, "audit", action=action)
    return [(row["actor"], row["reason"]) for row in found if row["actor"].startswith("user:")]


def by(role: Role) -> list[tuple[str, str]]:
    """The one entry of the audit that a change by this role leaves."""
    return [(f"user:{role}.user", WHY["reason"])]


def secret_in(page: str) -> str:
    found = re.search(r'<code id="secret">([^<]+)</code>', page)
    assert found is not None
    return unescape(found[1])


def test_an_endpoint_is_added_and_its_secret_shown_once(web: Web, admin: Person) -> None:
    """It may subscribe to every event; its page has no secret."""
    caller(web.gateway, app="invites")
    events = [one.value for one in SUBSCRIBABLE]
    answer = admin.post("/console/apps/invites/webhooks", endpoint=URL, events=events, description="<script>", **WHY)
    secret = secret_in(answer.text)
    [made] = rows(web.gateway, "webhook_endpoints")
    assert (made["url"], made["events"], made["description"]) == (URL, events, "<script>")
    assert web.gateway.webhooks.endpoints.get(ROOT, made["id"]).secret == secret
    assert audited(web, "webhook_add") == by(Role.ADMIN)
    page = admin.page(f"/console/webhooks/{made['id']}")
    assert (URL in page, secret in page, "<dd>&lt;script&gt;</dd>" in page) == (True, False, True)
    assert URL in admin.page("/console/apps/invites")


@pytest.mark.parametrize(
    "field, value",
    [("endpoint", "http://10.0.0.1/"), ("events", "email.eaten"), ("events", ""), ("description", "a\nb")],
)
def test_an_endpoint_that_breaks_a_rule_is_refused_by_name(web: Web, admin: Person, field: str, value: str) -> None:
    """Nothing is added."""
    caller(web.gateway, app="invites")
    form = {"endpoint": URL, "events": "email.sent", "description": "", **WHY} | {field: value}
    answer = admin.post("/console/apps/invites/webhooks", **form)
    assert answer.status_code == 422
    assert f"<strong>{field}" in answer.text
    assert rows(web.gateway, "webhook_endpoints") == []


def test_an_endpoint_is_changed(web: Web, admin: Person, endpoint: UUID) -> None:
    """A description can be emptied. One whose URL stays waits as long as before."""
    due = rows(web.gateway, "webhook_endpoints")[0]["due_at"]
    path = f"/console/webhooks/{endpoint}"
    admin.change(path, endpoint=URL, events=["email.sent", "email.bounced"], description="Ours", **WHY)
    assert rows(web.gateway, "webhook_endpoints")[0]["due_at"] == due
    admin.change(path, endpoint=f"{URL}/2", events="email.sent", **WHY)
    found = web.gateway.webhooks.endpoints.find(ROOT, endpoint)
    assert (found.url, found.events, found.description) == (f"{URL}/2", ("email.sent",), "")
    assert audited(web, "webhook_change") == by(Role.ADMIN) * 2


def test_an_endpoint_is_disabled_enabled_and_deleted(web: Web, admin: Person, endpoint: UUID) -> None:
    """Its page says since when and why it is disabled. One that is deleted has no page."""
    path = f"/console/webhooks/{endpoint}"
    page = admin.change(f"{path}/disable", **WHY).text
    assert "It was disabled by request." in page
    assert "disabled</span>" in page
    assert "enabled</span>" in admin.change(f"{path}/enable", **WHY).text
    assert audited(web, "webhook_change") == by(Role.ADMIN) * 2
    assert "The endpoint was deleted" in admin.change(f"{path}/delete", **WHY).text
    assert audited(web, "webhook_delete") == by(Role.ADMIN)
    assert admin.get(path).status_code == 404
    assert admin.post(f"{path}/enable", **WHY).status_code == 404


def test_a_secret_is_replaced(web: Web, admin: Person, endpoint: UUID) -> None:
    """The new one is shown once."""
    secret = secret_in(admin.post(f"/console/webhooks/{endpoint}/rotate-secret", **WHY).text)
    assert web.gateway.webhooks.endpoints.get(ROOT, endpoint).secret == secret
    assert audited(web, "webhook_rotate_secret") == by(Role.ADMIN)


def test_an_operator_sends_a_test(web: Web, endpoint: UUID) -> None:
    """The page of the delivery follows, which shows the answer once there is one."""
    operator = signed_in(web, Role.OPERATOR)
    page = operator.change(f"/console/webhooks/{endpoint}/test", **WHY).text
    assert "webhook.test" in page
    assert "It was not sent yet" in page
    assert audited(web, "webhook_test") == by(Role.OPERATOR)


def test_deliveries_are_listed_by_state(web: Web, admin: Person, endpoint: UUID) -> None:
    """The numbers above the list lead to them; an empty list says what would fill it."""
    path = f"/console/webhooks/{endpoint}"
    failed, waiting = ids(web)
    page = admin.page(path)
    assert all(f"/deliveries/{one}" in page for one in (failed, waiting))
    page = admin.page(f"{path}?state=failed")
    assert (f"/deliveries/{failed}" in page, f"/deliveries/{waiting}" in page) == (True, False)
    assert '<option value="failed" selected>' in page
    assert "No delivery of this endpoint is delivered." in admin.page(f"{path}?state=delivered")
    text = admin.page(f"{path}/deliveries.csv?state=failed")
    assert [line.split(",")[0] for line in text.splitlines()] == ["id", str(failed)]


def test_each_attempt_is_shown_with_the_beginning_of_its_answer(web: Web, admin: Person, endpoint: UUID) -> None:
    """As text, whatever the endpoint answered, and without the addresses in it."""
    page = admin.page(f"/console/webhooks/{endpoint}/deliveries/{ids(web)[0]}")
    assert "It answered 422." in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "kim@example.net" not in page


def test_an_operator_replays_one_delivery_or_a_period(web: Web, endpoint: UUID) -> None:
    """Of a period all, or only what failed."""
    operator, path = signed_in(web, Role.OPERATOR), f"/console/webhooks/{endpoint}"
    who = caller(web.gateway, app="invites")
    failed, other = ids(web)
    assert "sent once more" in operator.change(f"{path}/deliveries/{failed}/replay", **WHY).text
    assert states(web.gateway, who, endpoint) == ["waiting", "waiting"]
    change(web.gateway, "webhook_deliveries", {"state": "delivered"}, id=failed)
    change(web.gateway, "webhook_deliveries", {"state": "failed"}, id=other)
    operator.change(f"{path}/replay", **TODAY, state="failed", **WHY)
    assert states(web.gateway, who, endpoint) == ["delivered", "waiting"]
    operator.change(f"{path}/replay", **TODAY, state="", **WHY)
    assert states(web.gateway, who, endpoint) == ["waiting", "waiting"]
    assert audited(web, "webhook_replay") == by(Role.OPERATOR) * 3
    answer = operator.post(f"{path}/replay", since=TODAY["until"], until=TODAY["since"], **WHY)
    assert "The period ends before it begins." in answer.text


def test_what_failed_is_one_list_of_work(web: Web, endpoint: UUID) -> None:
    """One event is replayed, or all that failed at an endpoint; then the list is empty, and says so."""
    operator, path = signed_in(web, Role.OPERATOR), "/console/failed-deliveries"
    failed, other = ids(web)
    page = operator.page(path)
    assert (f"/deliveries/{failed}" in page, f"/deliveries/{other}" in page) == (True, False)
    assert "It answered 422." in page
    assert str(failed) in operator.page(f"{path}.csv?app=invites")
    assert "No delivery of this application has failed." in operator.page(f"{path}?app=billing")
    page = operator.change(f"{path}/{endpoint}/{failed}/replay", **WHY).text
    assert "Nothing has failed." in page
    for one in (failed, other):
        change(web.gateway, "webhook_deliveries", {"state": "failed"}, id=one)
    page = operator.page(path)
    period = dict(re.findall(r'name="(since|until)" required value="([^"]+)"', page))
    operator.change(f"{path}/{endpoint}/replay", **period, **WHY)
    assert states(web.gateway, caller(web.gateway, app="invites"), endpoint) == ["waiting", "waiting"]
    assert audited(web, "webhook_replay") == by(Role.OPERATOR) * 2
    assert operator.post(f"{path}/{endpoint}/{NO_ID}/replay", **WHY).status_code == 404


def test_below_an_operator_only_the_host_of_a_url_is_seen(web: Web, admin: Person, endpoint: UUID) -> None:
    """Its path may be a secret. Nothing can be pressed, and the address of a channel of alerts is masked."""
    change(web.gateway, "webhook_endpoints", {"format": EndpointFormat.EMAIL, "url": "mailto:kim@example.net"})
    viewer = signed_in(web, Role.VIEWER)
    assert "kim@" not in viewer.page(f"/console/webhooks/{endpoint}")
    change(web.gateway, "webhook_endpoints", {"format": EndpointFormat.STANDARD, "url": URL})
    delivery = f"/console/webhooks/{endpoint}/deliveries/{ids(web)[0]}"
    for path in (
        *("/console/failed-deliveries", "/console/failed-deliveries.csv", "/console/apps/invites"),
        *(f"/console/webhooks/{endpoint}", delivery),
    ):
        page = viewer.page(path)
        assert "https://hooks.example.net/…" in page, path
        assert URL not in page, path
        assert 'name="reason"' not in page
        assert URL in admin.page(path)
