"""No route that shows the list reveals what mail servers said about another application's email.

Each new route has to be tested here too. In addition, the type of an entry proves that every entry which leaves a
service has passed `disclosed`.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from flask import Flask

from app.domain.apps.callers import Scope
from app.queue import Lane
from app.services.suppression.files.import_list import How
from app.web.http.auth import PUBLIC
from app.web.http.routing import operation_of
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import Headers, Web, web_on

OWN, FOREIGN, UNKNOWN, IMPORTED = (f"{name}@example.net" for name in ("own", "foreign", "unknown", "imported"))
SECRET: Final = "5.1.1 for-the-shop-alone"
DIAGNOSIS: Final = {"action": "failed", "status": "5.1.1", "diagnosticCode": f"smtp; 550 {SECRET}"}
NAMES: Final = (FOREIGN, UNKNOWN, IMPORTED)
WHY: Final = {"reason": "They asked."}
LETTER: Final = {"from": "invites@example.com", "subject": "Hi", "text": "Hi.", "to": list(NAMES)}

ASKED: Final[dict[str, Any]] = {
    "GET /v1/suppressions": None,
    "GET /v1/suppressions/<path:id_or_email>": None,
    "GET /v1/suppressions/<path:email>/explain": None,
    "GET /v1/suppressions/export": None,
    "POST /v1/suppressions": [{"email": name} for name in NAMES],
    "POST /v1/suppressions/batch/add": [{"emails": list(NAMES)}],
    "POST /v1/suppressions/import": [f"email,origin\n{name},bounce\n" for name in NAMES],
    "DELETE /v1/suppressions/<path:id_or_email>": [WHY],
    "POST /v1/suppressions/<path:id_or_email>/undo": [WHY],
    "POST /v1/suppressions/batch/remove": [{"emails": list(NAMES), **WHY}],
    "POST /v1/emails": [LETTER],
    "POST /v1/emails/batch": [[LETTER]],
    "POST /v1/emails/check": [{"to": list(NAMES)}],
    "GET /v1/stats": None,
    "GET /v1/emails": None,
    "GET /v1/outcomes": None,
    "GET /v1/outcomes/counts": None,
    "POST /v1/outcome-links": [{"reference": "r"}],
    "GET /v1/outcome-links": None,
    "GET /v1/outcome-links/<uuid:link_id>": None,
    "DELETE /v1/outcome-links/<uuid:link_id>": None,
    "GET /v1/emails/<uuid:email_id>": None,
    "GET /v1/emails/<uuid:email_id>/events": None,
    "PATCH /v1/emails/<uuid:email_id>": [{"scheduled_at": "2099-01-01T00:00:00Z"}],
    "POST /v1/emails/<uuid:email_id>/cancel": [{}],
    "POST /v1/webhooks": [{"endpoint": "https://hooks.example.org/", "events": ["suppression.added"]}],
    "GET /v1/webhooks": None,
    "GET /v1/webhooks/<uuid:webhook_id>": None,
    "PATCH /v1/webhooks/<uuid:webhook_id>": [{"status": "disabled"}],
    "DELETE /v1/webhooks/<uuid:webhook_id>": None,
    "POST /v1/webhooks/<uuid:webhook_id>/rotate-secret": None,
    "POST /v1/webhooks/<uuid:webhook_id>/test": None,
    "POST /v1/webhooks/<uuid:webhook_id>/replay": [{"since": "2020-01-01", "until": "2099-01-01"}],
    "GET /v1/webhooks/<uuid:webhook_id>/deliveries": None,
    "GET /v1/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>": None,
    "POST /v1/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay": None,
}
"""The requests to each route that an application may use, in an order in which the entries still exist when shown."""


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def secrets(web: Web) -> tuple[str, ...]:
    """Texts that must stay private: of bounces of the shop, of email not of this gateway, and of a file of the shop."""
    gateway = web.gateway
    shop = caller(gateway, app="shop")
    email = submit(gateway, shop, FOREIGN)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    notification = bounce(gateway, email)
    notification["bounce"]["bouncedRecipients"][0] |= DIAGNOSIS
    feed(gateway, notification)
    feed(gateway, bounced(UNKNOWN, message="message-of-other-software", fields=DIAGNOSIS))
    gateway.import_list(
        shop, [f"email,origin,reason\n{IMPORTED},bounce,{SECRET}\n".encode()], How(), report=lambda _: None
    )
    assert {row["key"] for row in rows(gateway, "suppressions")} == set(NAMES)
    return (SECRET, str(email), str(notification["mail"]["messageId"]), "message-of-other-software")


def routes(app: Flask) -> set[str]:
    """Every route that a key without `admin` may use."""
    found = set()
    for rule in app.url_map.iter_rules():
        operation = operation_of(app.view_functions[rule.endpoint])
        if operation is not None and operation.guard not in {PUBLIC, Scope.ADMIN, Scope.METRICS_READ}:
            found |= {f"{method} {rule.rule}" for method in rule.methods or () if method not in {"HEAD", "OPTIONS"}}
    return found


def answers(web: Web, headers: Headers, route: str, names: tuple[str, ...], bodies: Any) -> Iterator[str]:
    """What the route answers about each of these names, or once where it takes no name."""
    method, _, path = route.partition(" ")
    for name in names if "<" in path else ("",):
        filled = path[: path.index("<")] + name + path[path.index(">") + 1 :] if "<" in path else path
        for body in bodies or [None]:
            given: dict[str, Any] = (
                {"data": body, "content_type": "text/csv"} if isinstance(body, str) else {"json": body}
            )
            answer = web.client.open(filled, method=method, headers=headers, **(given if body is not None else {}))
            assert answer.status_code < 500, (filled, answer.text)
            yield answer.text


def test_every_route_of_the_list_is_asked(web: Web) -> None:
    """A new route has to state here how it is tested."""
    assert routes(web.client.application) == ASKED.keys()


def test_no_route_reveals_the_email_of_another_application(web: Web, secrets: tuple[str, ...]) -> None:
    """Neither the server's words nor the email are revealed; the caller's own email that was held back is named."""
    headers = web.key("invites")
    own = [web.submit(headers, to=[name]) for name in NAMES]
    entries = tuple(str(row["id"]) for row in rows(web.gateway, "suppressions"))
    seen = []
    for route, bodies in ASKED.items():
        names = tuple(own) if "email_id" in route else (*NAMES, *entries)
        seen += [(route, answer) for answer in answers(web, headers, route, names, bodies)]
    assert [(route, secret) for route, answer in seen for secret in secrets if secret in answer] == []
    assert sum("bounce" in answer for _, answer in seen) >= 20


def test_every_route_that_shows_reasons_shows_them_to_the_owner(web: Web, secrets: tuple[str, ...]) -> None:
    """So the routes above hide the text from the caller, and do not merely lack it."""
    headers = web.key("shop")
    for route in ("GET /v1/suppressions", "GET /v1/suppressions/<path:id_or_email>", "GET /v1/suppressions/export"):
        assert any(SECRET in answer for answer in answers(web, headers, route, (FOREIGN, IMPORTED), None)), route


def test_an_event_that_came_before_its_email_was_known_is_shown_to_its_owner(gateway: Gateway) -> None:
    """The entry of such an event does not name the email; SES's message id does."""
    shop = caller(gateway, app="shop")
    email = submit(gateway, shop, OWN)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    sent = gateway.look_up.email(ROOT, email).recipients[0]
    feed(gateway, bounced(OWN, message="later", fields=DIAGNOSIS))
    own = rows(gateway, "suppressions")[0]
    change(gateway, "suppressions", {"source": own["source"] | {"ses_message_id": sent.ses_message_id}}, id=own["id"])
    assert SECRET in gateway.suppress.find(shop, OWN).entries[0].reason
    assert SECRET not in gateway.suppress.find(caller(gateway, app="invites"), OWN).entries[0].reason
