"""What the web process logs about its requests, and its answers when something of its own fails."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app import telemetry
from app.domain.errors import ServiceUnavailable
from app.web.application import create_app
from tests.support.gateway.web import MAIL, NO_ID, Web, body_of, problem_of, web_on

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

CANARIES = ("canary", "Canary", "nest.example", "ptn_")


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def logged() -> None:
    """Logging as a process of ours configures it."""
    telemetry.configure("DEBUG")


class Broken:
    """A service that fails at every call."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self, *_: Any, **__: Any) -> None:
        raise self._error

    def __getattr__(self, name: str) -> "Broken":
        return self


def test_an_unexpected_error_is_a_500_without_a_cause(
    web: Web, logged: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client gets an id and no more; the log has the type and the places under the same id, and no value."""
    broken = dataclasses.replace(web.gateway, look_up=Broken(KeyError("canary.bird@nest.example")))  # type: ignore[arg-type]
    client = create_app(gateway=broken).test_client()
    answer = client.get(f"/v1/emails/{NO_ID}", headers=web.key())
    problem = problem_of(answer, 500, "application_error")
    said = capsys.readouterr().err
    failure = next(line for line in map(json.loads, said.splitlines()) if line["event"] == "request_failed")
    assert failure["request_id"] == problem["request_id"]
    assert failure["exception"] == ["builtins.KeyError"]
    assert any("emails.py" in place for place in failure["frames"])
    assert not any(canary in said + answer.text for canary in CANARIES)


def test_a_service_that_is_away_is_a_503_with_the_time_to_retry(web: Web) -> None:
    """A database that does not answer is reported as such."""
    broken = dataclasses.replace(
        web.gateway,
        look_up=Broken(ServiceUnavailable("The database did not answer.", retry_after=1)),  # type: ignore[arg-type]
    )
    answer = create_app(gateway=broken).test_client().get(f"/v1/emails/{NO_ID}", headers=web.key())
    problem_of(answer, 503, "service_unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_the_log_holds_no_address_no_text_and_no_key(
    web: Web, logged: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a client sends, and wherever: no log line contains it, and every line has the id of its request."""
    headers = web.key()
    secret = headers["Authorization"].removeprefix("Bearer ")
    email = {**MAIL, "to": ["Canary <canary.bird@nest.example>"], "subject": "Canary sings", "text": "canary song"}
    ids = {
        web.client.open(path, method=method, headers=headers | more, json=body).headers["X-Request-Id"]
        for method, path, more, body in (
            ("POST", "/v1/emails", {"Idempotency-Key": "canary-key"}, email),
            ("POST", "/v1/emails", {"Idempotency-Key": "canary-key"}, email | {"subject": "Canary again"}),
            ("POST", "/v1/emails", {}, email | {"to": "canary bird@nest.example"}),
            ("POST", "/v1/emails", {}, email | {"canary.bird@nest.example": 1}),
            ("POST", "/v1/emails", {}, email | {"from": "canary.bird@nest.example"}),
            ("GET", "/v1/emails?to=canary.bird@nest.example", {}, None),
            ("POST", "/v1/suppressions", {}, {"email": "canary.bird@nest.example", "reason": "Canary asked"}),
            ("GET", "/v1/suppressions/canary.bird@nest.example", {}, None),
            ("GET", "/canary.bird@nest.example", {"User-Agent": "canary"}, None),
            ("GET", "/v1/emails", {"Authorization": f"Bearer {secret}x"}, None),
        )
    }
    said = capsys.readouterr().err
    lines = [json.loads(line) for line in said.splitlines()]
    assert ids <= {line.get("request_id") for line in lines}
    assert {line["status"] for line in lines if line["event"] == "request_answered"} == {200, 403, 404, 409, 422}
    assert not any(canary in said for canary in (*CANARIES, secret))


def test_the_line_of_a_request_names_route_and_key(web: Web, logged: None, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator sees the key, the pattern of the route and the result of the request."""
    email_id = web.submit(web.key())
    capsys.readouterr()
    body_of(web.client.get(f"/v1/emails/{email_id}", headers=web.key()))
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["event"], line["method"], line["status"]) == ("request_answered", "GET", 200)
    assert (line["route"], line["app"]) == ("/v1/emails/<uuid:email_id>", "invites")
    assert line["actor"].startswith("key:")
    assert line["ms"] >= 0
