"""`/v1/webhooks`: endpoints and their deliveries, by the official Resend client and by plain requests."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import resend
import svix
from standardwebhooks import Webhook

from app.domain.apps.callers import Scope
from app.domain.webhooks.events import SUBSCRIBABLE
from app.queue import Lane
from app.services.webhooks.endpoints import MOST_ENDPOINTS
from app.store.webhooks import endpoints
from app.wiring.gateway import Gateway
from tests.support.database.interleaving import just_after
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, count, rows
from tests.support.gateway.web import NO_ID, Headers, Web, body_of, pointers, problem_of, soon, web_on
from tests.support.servers.served import served
from tests.support.webhooks.endpoints import ACCEPTED, BROKEN, URL, Posted, scripted

CREATE = {"endpoint": URL, "events": ["email.sent", "email.bounced"]}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def gateway(web: Web) -> Gateway:
    return web.gateway


@pytest.fixture
def client(web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Resend's client, with a key as any application has."""
    with served(web) as url:
        monkeypatch.setattr(resend, "api_url", f"{url}/v1")
        monkeypatch.setattr(resend, "api_key", web.key()["Authorization"].removeprefix("Bearer "))
        yield web


def created(web: Web, headers: Headers, **more: Any) -> dict[str, Any]:
    return body_of(web.client.post("/v1/webhooks", json=CREATE | more, headers=headers))


def sent(web: Web, *addresses: str) -> None:
    """Emails of the application that SES took."""
    who = caller(web.gateway)
    for one in addresses:
        submit(web.gateway, who, one)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)


def test_resends_client_manages_endpoints(client: Web) -> None:
    """Create, get, list, update and remove, in the shapes that the client documents."""
    made: Any = resend.Webhooks.create({"endpoint": URL, "events": ["email.sent"]})
    assert made["object"] == "webhook"
    assert made["signing_secret"].startswith("whsec_")
    found: Any = resend.Webhooks.get(made["id"])
    assert (found["endpoint"], found["events"], found["status"]) == (URL, ["email.sent"], "enabled")
    assert found["signing_secret"] == made["signing_secret"]
    changed: Any = resend.Webhooks.update(
        {"webhook_id": made["id"], "endpoint": f"{URL}/2", "events": ["email.bounced"], "status": "disabled"}
    )
    assert (changed["object"], changed["id"]) == ("webhook", made["id"])
    [listed] = resend.Webhooks.list()["data"]
    assert (listed["endpoint"], listed["events"], listed["status"]) == (f"{URL}/2", ["email.bounced"], "disabled")
    removed: Any = resend.Webhooks.remove(made["id"])
    assert (removed["deleted"], resend.Webhooks.list()["data"]) == (True, [])


def test_what_is_sent_is_verified_by_every_client(web: Web) -> None:
    """`standardwebhooks`, `svix` and `resend` take the headers and the body as they come."""
    made = created(web, web.key())
    poster = scripted(web.gateway)
    sent(web, "kim@example.net")
    web.gateway.webhooks.deliver.drain()
    [posted] = poster.got
    secret = made["signing_secret"]
    assert Webhook(secret).verify(posted.body, dict(posted.headers))["type"] == "email.sent"
    svix.Webhook(secret).verify(posted.body, dict(posted.headers))
    headers: Any = {name: posted.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    told: Any = resend.Webhooks.verify({"payload": posted.body.decode(), "headers": headers, "webhook_secret": secret})
    assert told["data"]["to"] == ["kim@example.net"]


def test_a_secret_is_rotated_with_an_overlap(web: Web) -> None:
    """For a day both secrets sign, so that a receiver may change at any moment; then the new one alone."""
    headers = web.key()
    made, poster = created(web, headers), scripted(web.gateway)
    rotated = body_of(web.client.post(f"/v1/webhooks/{made['id']}/rotate-secret", headers=headers))
    old, new = Webhook(made["signing_secret"]), Webhook(rotated["signing_secret"])
    sent(web, "kim@example.net")
    web.gateway.webhooks.deliver.drain()
    for one in (old, new):
        one.verify(poster.got[0].body, dict(poster.got[0].headers))

    for row in rows(web.gateway, "webhook_secrets"):
        if row["ends_at"] is not None:
            age(web.gateway, "webhook_secrets", "ends_at", timedelta(seconds=1), id=row["id"])
    sent(web, "ann@example.net")
    web.gateway.webhooks.deliver.drain()
    new.verify(poster.got[1].body, dict(poster.got[1].headers))
    with pytest.raises(Exception, match="No matching signature"):
        old.verify(poster.got[1].body, dict(poster.got[1].headers))


def test_a_secret_that_does_not_open_is_rotated(web: Web) -> None:
    """The answer says so, and the new secret signs at once, alone: the old one does not hold it up."""
    headers, poster = web.key(), scripted(web.gateway)
    path = f"/v1/webhooks/{created(web, headers)['id']}"
    change(web.gateway, "webhook_secrets", {"sealed": b"altered" * 8})
    problem = problem_of(web.client.get(path, headers=headers), 409, "conflict")
    assert "Rotate it" in problem["detail"]
    rotated = body_of(web.client.post(f"{path}/rotate-secret", headers=headers))
    assert body_of(web.client.get(path, headers=headers))["signing_secret"] == rotated["signing_secret"]
    sent(web, "kim@example.net")
    web.gateway.webhooks.deliver.drain()
    [posted] = poster.got
    Webhook(rotated["signing_secret"]).verify(posted.body, dict(posted.headers))
    assert " " not in posted.headers["webhook-signature"]


def test_a_test_event_goes_to_the_endpoint_alone(web: Web) -> None:
    """Whatever it subscribes to; its delivery can be looked at as any other."""
    headers, poster = web.key(), scripted(web.gateway)
    made = created(web, headers)
    created(web, headers, endpoint="https://other.example.org/hooks")
    asked = body_of(web.client.post(f"/v1/webhooks/{made['id']}/test", headers=headers))
    web.gateway.webhooks.deliver.drain()
    assert poster.types() == ["webhook.test"]
    assert len(poster.got) == 1
    delivery = body_of(web.client.get(f"/v1/webhooks/{made['id']}/deliveries/{asked['id']}", headers=headers))
    assert (delivery["state"], delivery["message_id"]) == ("delivered", poster.got[0].id)
    assert [(one["number"], one["outcome"], one["status"]) for one in delivery["calls"]] == [(1, "accepted", 200)]


def test_deliveries_are_listed_by_state_and_replayed(web: Web) -> None:
    """One that failed, or was lost by its receiver, is delivered once more under the same id."""
    headers, broken = web.key(), ["kim@example.net"]

    def answer(posted: Posted) -> Any:
        return BROKEN if broken and broken[0].encode() in posted.body else ACCEPTED

    made, poster = created(web, headers), scripted(web.gateway, answer)
    sent(web, "kim@example.net")
    web.gateway.webhooks.deliver.drain()
    path = f"/v1/webhooks/{made['id']}/deliveries"
    [waiting] = body_of(web.client.get(f"{path}?state=waiting", headers=headers))["data"]
    assert body_of(web.client.get(f"{path}?state=delivered", headers=headers))["data"] == []
    broken.clear()
    body_of(web.client.post(f"{path}/{waiting['id']}/replay", headers=headers))
    web.gateway.webhooks.deliver.drain()
    [delivered] = body_of(web.client.get(f"{path}?state=delivered", headers=headers))["data"]
    assert (delivered["id"], delivered["attempts"]) == (waiting["id"], 2)

    body_of(web.client.post(f"{path}/{waiting['id']}/replay", headers=headers))
    web.gateway.webhooks.deliver.drain()
    assert len({one.id for one in poster.got}) == 1
    assert len(poster.got) == 3


def test_an_endpoint_with_a_new_url_is_called_at_once(web: Web) -> None:
    """A person who corrects it does not wait until its next try."""
    headers = web.key()
    made = created(web, headers)
    poster = scripted(web.gateway, lambda posted: BROKEN if posted.url == URL else ACCEPTED)
    sent(web, "kim@example.net")
    web.gateway.webhooks.deliver.drain()
    body_of(web.client.patch(f"/v1/webhooks/{made['id']}", json={"endpoint": f"{URL}/right"}, headers=headers))
    age(web.gateway, "webhook_deliveries", "due_at", timedelta(seconds=1))
    web.gateway.webhooks.deliver.drain()
    assert [one.url for one in poster.got] == [URL, f"{URL}/right"]


def test_the_deliveries_of_a_period_are_replayed(web: Web) -> None:
    """Those that were queued in it, each under its own id, and no other."""
    headers = web.key()
    made, poster = created(web, headers), scripted(web.gateway)
    sent(web, "kim@example.net", "ann@example.net")
    web.gateway.webhooks.deliver.drain()
    path = f"/v1/webhooks/{made['id']}/replay"
    past = {"since": soon(hours=-2), "until": soon(hours=-1)}
    assert body_of(web.client.post(path, json=past, headers=headers))["deliveries"] == 0
    now = {"since": soon(minutes=-5), "until": soon(minutes=5)}
    assert body_of(web.client.post(path, json=now, headers=headers))["deliveries"] == 2
    web.gateway.webhooks.deliver.drain()
    assert (len(poster.got), len({one.id for one in poster.got})) == (4, 2)
    backwards = {"since": now["until"], "until": now["since"]}
    problem = problem_of(web.client.post(path, json=backwards, headers=headers), 422, "validation_error")
    assert pointers(problem) == ["/until"]


def test_a_page_of_deliveries_leads_to_the_next(web: Web) -> None:
    """By keyset, newest first, in both directions."""
    headers = web.key()
    made = created(web, headers)
    sent(web, *(f"kim{number}@example.net" for number in range(5)))
    path = f"/v1/webhooks/{made['id']}/deliveries"
    first = body_of(web.client.get(f"{path}?limit=3", headers=headers))
    rest = body_of(web.client.get(f"{path}?limit=3&after={first['data'][-1]['id']}", headers=headers))
    assert (len(first["data"]), first["has_more"], len(rest["data"]), rest["has_more"]) == (3, True, 2, False)
    back = body_of(web.client.get(f"{path}?limit=3&before={rest['data'][0]['id']}", headers=headers))
    assert back["data"] == first["data"]


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"endpoint": "http://hooks.example.net/"}, "/endpoint"),
        ({"events": []}, "/events"),
        ({"events": ["email.sent", "email.lost"]}, "/events/1"),
        ({"events": ["webhook.test"]}, "/events/0"),
        ({"description": "two\nlines"}, "/description"),
        ({"secret": "whsec_mine"}, "/secret"),
    ],
)
def test_an_endpoint_that_breaks_a_rule_is_refused(web: Web, change: dict[str, Any], pointer: str) -> None:
    """The answer names the field and the rule, and nothing is added."""
    answer = web.client.post("/v1/webhooks", json=CREATE | change, headers=web.key())
    problem = problem_of(answer, 422, "validation_error")
    assert pointers(problem) == [pointer]
    assert count(web.gateway, "webhook_endpoints") == 0


def test_an_application_has_a_bounded_number_of_endpoints(web: Web) -> None:
    """Each event is delivered to each of them."""
    headers = web.key()
    for number in range(MOST_ENDPOINTS):
        created(web, headers, endpoint=f"{URL}/{number}")
    problem = problem_of(web.client.post("/v1/webhooks", json=CREATE, headers=headers), 422, "validation_error")
    assert pointers(problem) == ["/endpoint"]


def test_an_endpoint_is_for_its_own_application(web: Web) -> None:
    """Another application finds nothing by its id; an administrator sees those of all."""
    made = created(web, web.key())
    other, admin = web.key("letters"), web.key("operators", Scope.ADMIN)
    path = f"/v1/webhooks/{made['id']}"
    for answer in (
        web.client.get(path, headers=other),
        web.client.patch(path, json={"status": "disabled"}, headers=other),
        web.client.delete(path, headers=other),
        web.client.post(f"{path}/rotate-secret", headers=other),
        web.client.post(f"{path}/test", headers=other),
        web.client.get(f"{path}/deliveries", headers=other),
        web.client.get(f"{path}/deliveries/{NO_ID}", headers=web.key()),
    ):
        problem_of(answer, 404, "not_found")
    assert body_of(web.client.get("/v1/webhooks", headers=other))["data"] == []
    [seen] = body_of(web.client.get("/v1/webhooks", headers=admin))["data"]
    assert (seen["id"], seen["app"], "signing_secret" in seen) == (made["id"], "invites", False)


def test_an_endpoint_that_is_deleted_while_it_is_read_is_unknown(
    migrated_postgres_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row was there, its secrets were not any more. On SQLite a reader sees both or neither."""
    with web_on(migrated_postgres_url, redis_url) as web:
        headers = web.key()
        path = f"/v1/webhooks/{created(web, headers)['id']}"
        just_after(monkeypatch, endpoints, "find", lambda: web.client.delete(path, headers=headers))
        problem_of(web.client.get(path, headers=headers), 404, "not_found")


def test_a_key_without_the_scope_sees_no_endpoint(web: Web) -> None:
    """Reading needs the scope too: the answer has the secret."""
    answer = web.client.get("/v1/webhooks", headers=web.key("invites", Scope.EMAILS_READ))
    problem_of(answer, 403, "restricted_api_key")


def test_every_event_can_be_subscribed_to(web: Web) -> None:
    """By the names of the documentation."""
    made = created(web, web.key(), events=[one.value for one in SUBSCRIBABLE])
    [row] = rows(web.gateway, "webhook_endpoints")
    assert (str(row["id"]), len(row["events"])) == (made["id"], len(SUBSCRIBABLE))
