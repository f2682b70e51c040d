"""The web application over a gateway for tests: a client without a network, and keys to knock with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.aws.account import SesAccount
from app.domain.callers import Scope
from app.wiring import Gateway
from tests.gateways import ScriptedMailer, gateway_on, issue

Headers = dict[str, str]

MAIL: dict[str, Any] = {
    "from": "Invites <invites@example.com>",
    "to": ["ann@example.com"],
    "subject": "You are invited",
    "text": "Come and see.",
}
NO_ID = "01900000-0000-7000-8000-000000000000"


def soon(**later: float) -> str:
    """A time to come, as a client writes it: `soon(hours=1)`."""
    return (datetime.now(UTC) + timedelta(**later)).isoformat().replace("+00:00", "Z")


class AccountList:
    """SES's own suppression list, as far as lifting goes: the contract of `SesAccount.remove_suppressed`."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()

    def remove_suppressed(self, address: str) -> bool:
        """Take the address off; whether it was on, in this very spelling."""
        found = address in self.addresses
        self.addresses.discard(address)
        return found


@dataclass
class Web:
    """The application, what stands behind it, and a client in front."""

    gateway: Gateway
    mailer: ScriptedMailer
    account: AccountList
    client: FlaskClient

    def key(self, app: str = "invites", *scopes: Scope, **more: Any) -> Headers:
        """The headers of a key of this application; every scope but admin unless some are given."""
        issued = issue(self.gateway, app=app, scopes=frozenset(scopes) or None, **more)
        return {"Authorization": f"Bearer {issued.token}"}

    def submit(self, headers: Headers, **change: Any) -> str:
        """Submit `MAIL` with these changes; its id."""
        answer = self.client.post("/v1/emails", json={**MAIL, **change}, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(body_of(answer)["id"])

    def email(self, headers: Headers, email_id: str) -> dict[str, Any]:
        """What the API tells of a mail."""
        return body_of(self.client.get(f"/v1/emails/{email_id}", headers=headers))


@contextmanager
def web_on(database_url: str, redis_url: str, **more: Any) -> Iterator[Web]:
    """The application on a migrated database; `more` overrides settings."""
    mailer, account = ScriptedMailer(), AccountList()
    with gateway_on(database_url, redis_url, mailer=mailer, **more) as built:
        built.suppress._account = cast("SesAccount", account)
        yield Web(built, mailer, account, create_app(gateway=built).test_client())


def body_of(answer: TestResponse) -> dict[str, Any]:
    """The JSON object of a successful answer."""
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert isinstance(body, dict)
    return body


def problem_of(answer: TestResponse, status: int, name: str) -> dict[str, Any]:
    """The problem of a failed answer, once it is seen to be the one body of all failures."""
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
    """Where the rules were broken."""
    return [fault["pointer"] for fault in problem["errors"]]
