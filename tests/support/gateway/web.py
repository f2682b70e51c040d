"""The web application over a gateway for tests: a client without a network, and API keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.aws.ses.account import SesAccount
from app.domain.apps.callers import Scope
from app.web.application import create_app
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import ScriptedMailer, gateway_on, issue

Headers = dict[str, str]

MAIL: dict[str, Any] = {
    "from": "Invites <invites@example.com>",
    "to": ["ann@example.com"],
    "subject": "You are invited",
    "text": "Come and see.",
}
NO_ID = "01900000-0000-7000-8000-000000000000"


def soon(**later: float) -> str:
    """Return a future time as a client writes it: `soon(hours=1)`."""
    return (datetime.now(UTC) + timedelta(**later)).isoformat().replace("+00:00", "Z")


class AccountList:
    """SES's own suppression list, with only the interface of `SesAccount.remove_suppressed`."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()

    def remove_suppressed(self, address: str) -> bool:
        """Remove the address, and return whether the list had it in exactly this spelling."""
        found = address in self.addresses
        self.addresses.discard(address)
        return found


@dataclass
class Web:
    """The application, the gateway behind it, and a client."""

    gateway: Gateway
    mailer: ScriptedMailer
    account: AccountList
    client: FlaskClient

    def key(self, app: str = "invites", *scopes: Scope, **more: Any) -> Headers:
        """Return the headers for a new key of this application; by default with every scope except admin."""
        issued = issue(self.gateway, app=app, scopes=frozenset(scopes) or None, **more)
        return {"Authorization": f"Bearer {issued.token}"}

    def submit(self, headers: Headers, **change: Any) -> str:
        """Submit `MAIL` with these changes, and return its id."""
        answer = self.client.post("/v1/emails", json={**MAIL, **change}, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(body_of(answer)["id"])

    def email(self, headers: Headers, email_id: str) -> dict[str, Any]:
        """Return the API's JSON of an email."""
        return body_of(self.client.get(f"/v1/emails/{email_id}", headers=headers))


@contextmanager
def web_on(database_url: str, redis_url: str, **more: Any) -> Iterator[Web]:
    """Yield the application on a migrated database; `more` overrides settings."""
    mailer, account = ScriptedMailer(), AccountList()
    ours: dict[str, Any] = {"mailer": mailer, "account": cast("SesAccount", account)}
    with gateway_on(database_url, redis_url, **ours, **more) as built:
        yield Web(built, mailer, account, create_app(gateway=built).test_client())


def body_of(answer: TestResponse) -> dict[str, Any]:
    """Return the JSON object of a successful answer."""
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert isinstance(body, dict)
    return body


def problem_of(answer: TestResponse, status: int, name: str) -> dict[str, Any]:
    """Return the problem of a failed answer, and check that it has the body that all failures have."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype in {"application/json", "application/problem+json"}
    body = answer.get_json()
    assert isinstance(body, dict)
    assert body.keys() >= {"type", "title", "status", "detail", "errors", "request_id", "statusCode", "name", "message"}
    assert (body["status"], body["statusCode"], body["name"]) == (status, status, name)
    assert body["message"] == body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    for fault in body["errors"]:
        assert fault.keys() == {"pointer", "code", "detail"}
    return body


def pointers(problem: dict[str, Any]) -> list[str]:
    """Return the JSON pointers of the fields that break a rule."""
    return [fault["pointer"] for fault in problem["errors"]]
