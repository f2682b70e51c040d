"""One id leads from the answer of a request to its emails, and on to the worker's lines about them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import telemetry
from app.domain.apps.callers import Scope
from app.domain.sending.call_outcome import Refused
from app.queue import Lane
from tests.support.gateway.web import MAIL, NO_ID, Headers, Web, body_of, pointers, problem_of, web_on

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def post(web: Web, key: Headers, path: str = "/v1/emails", body: Any = MAIL, **headers: str) -> TestResponse:
    answer = web.client.post(path, json=body, headers=key | headers)
    assert answer.status_code == 200, answer.text
    return answer


def of_request(web: Web, key: Headers, request_id: str, **more: str) -> list[str]:
    query = {"request_id": request_id, **more}
    return [one["id"] for one in body_of(web.client.get("/v1/emails", query_string=query, headers=key))["data"]]


def test_an_email_keeps_the_id_of_its_request(web: Web, key: Headers) -> None:
    """It is the X-Request-Id of the answer, shown with the email, in lists, and where the timeline begins."""
    answer = post(web, key)
    email_id, request_id = body_of(answer)["id"], answer.headers["X-Request-Id"]
    assert web.email(key, email_id)["request_id"] == request_id
    [listed] = body_of(web.client.get("/v1/emails", headers=key))["data"]
    assert listed["request_id"] == request_id
    timeline = body_of(web.client.get(f"/v1/emails/{email_id}/events", headers=key))["data"]
    assert (timeline[0]["type"], timeline[0]["data"]["request_id"]) == ("accepted", request_id)


def test_emails_are_found_by_their_request(web: Web, key: Headers) -> None:
    """All emails of a batch, the newest first, with other filters too; by another application none of them."""
    post(web, key)
    batch = post(web, key, "/v1/emails/batch", [MAIL, MAIL | {"to": "bob@example.com"}])
    ids, request_id = [one["id"] for one in body_of(batch)["data"]], batch.headers["X-Request-Id"]
    assert of_request(web, key, request_id) == ids[::-1]
    assert of_request(web, key, request_id, to="bob@example.com") == ids[1:]
    assert of_request(web, key, request_id, limit="1", after=ids[1]) == ids[:1]
    assert of_request(web, key, request_id, state="held") == []
    assert of_request(web, key, NO_ID) == []
    assert of_request(web, web.key("neighbour"), request_id) == []
    assert of_request(web, web.key("ops", *Scope), request_id) == ids[::-1]
    refused = web.client.get("/v1/emails?request_id=mine", headers=key)
    assert pointers(problem_of(refused, 422, "validation_error")) == ["/request_id"]


def test_a_repetition_changes_nothing(web: Web, key: Headers) -> None:
    """A repeated request has an id of its own, and the email keeps that of the request that brought it."""
    first, again = (post(web, key, **{"Idempotency-Key": "one"}) for _ in range(2))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert of_request(web, key, first.headers["X-Request-Id"]) == [body_of(first)["id"]]
    assert of_request(web, key, again.headers["X-Request-Id"]) == []


def test_the_worker_says_what_a_call_came_to_under_the_id(
    web: Web, key: Headers, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each recipient: the request, the email, the attempt as the timeline has it, and no address.

    At the level INFO there is one for what SES did not accept.
    """
    web.mailer.answers = {"bob@example.com": Refused("Message rejected: bob@example.com")}
    answer = post(web, key, body=MAIL | {"to": ["ann@example.com", "bob@example.com"]})
    email_id, request_id = body_of(answer)["id"], answer.headers["X-Request-Id"]
    telemetry.configure("DEBUG")
    capsys.readouterr()
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    said = capsys.readouterr().err
    lines = [line for line in map(json.loads, said.splitlines()) if line["event"] == "call_ended"]
    assert {(line["request_id"], line["email_id"]) for line in lines} == {(request_id, email_id)}
    assert sorted((line["result"], line["level"]) for line in lines) == [("Accepted", "debug"), ("Refused", "info")]
    assert {line["recipient_id"] for line in lines} == {one["id"] for one in web.email(key, email_id)["recipients"]}
    timeline = body_of(web.client.get(f"/v1/emails/{email_id}/events", headers=key))["data"]
    attempts = {entry["data"]["attempt_id"] for entry in timeline if entry["type"] == "attempt"}
    assert {line["attempt_id"] for line in lines} == attempts
    assert "@" not in said
