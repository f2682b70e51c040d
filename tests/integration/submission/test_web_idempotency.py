"""Idempotency keys of `/v1/emails`: a repeated request gets the first answer, and another request is refused."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.support.gateway.web import MAIL, Headers, Web, body_of, problem_of, soon, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, max_batch=20) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def test_the_same_request_is_answered_once(web: Web, key: Headers) -> None:
    """With an idempotency key a repeated request gets the first answer; the email exists once."""
    headers = key | {"Idempotency-Key": "order-1"}
    first = web.client.post("/v1/emails", json=MAIL, headers=headers)
    again = web.client.post("/v1/emails", json=MAIL, headers=headers)
    assert body_of(again) == body_of(first)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [one["id"] for one in body_of(web.client.get("/v1/emails", headers=key))["data"]] == [body_of(first)["id"]]


def test_the_same_request_in_another_spelling_is_answered_once(web: Web, key: Headers) -> None:
    """Keys in another order, spaces, escapes, a slash at the end of the path: the first answer, and one email."""
    headers = key | {"Idempotency-Key": "order-1", "Content-Type": "application/json"}
    email = MAIL | {"subject": "Café 🎉", "tags": [{"name": "n", "value": "1"}]}
    again = dict(reversed(email.items())) | {"tags": [{"value": "1", "name": "n"}]}
    first = web.client.post("/v1/emails", data=json.dumps(email), headers=headers)
    assert first.status_code == 200
    for path, text in (
        ("/v1/emails", json.dumps(again, indent=2, ensure_ascii=False)),
        ("/v1/emails/", json.dumps(again)),
    ):
        answer = web.client.post(path, data=text.encode(), headers=headers)
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert body_of(answer) == body_of(first)
    as_number = json.dumps(email | {"tags": [{"name": "n", "value": 1}]})
    problem_of(web.client.post("/v1/emails", data=as_number, headers=headers), 409, "invalid_idempotent_request")


def test_a_repeated_request_is_answered_although_its_time_has_passed(web: Web, key: Headers) -> None:
    """A repeated request whose `expires_at` has passed meanwhile gets the stored answer, not a refusal."""
    headers = key | {"Idempotency-Key": "late-retry"}
    body = MAIL | {"expires_at": soon(seconds=1)}
    first = web.client.post("/v1/emails", json=body, headers=headers)
    time.sleep(1.1)
    again = web.client.post("/v1/emails", json=body, headers=headers)
    assert again.status_code == 200
    assert again.get_json() == first.get_json()
    assert web.client.post("/v1/emails", json=body, headers=key).status_code == 422


def test_an_idempotency_key_belongs_to_one_request(web: Web, key: Headers) -> None:
    """Another body, route or mode under the same key is a conflict; the same key of another application is separate."""
    headers = key | {"Idempotency-Key": "order-1"}
    web.client.post("/v1/emails/batch", json=[MAIL], headers=headers)
    for path, body, more in (
        ("/v1/emails/batch", [MAIL | {"subject": "Other"}], {}),
        ("/v1/emails", MAIL, {}),
        ("/v1/emails/batch", [MAIL], {"x-batch-validation": "permissive"}),
    ):
        answer = web.client.post(path, json=body, headers=headers | more)
        problem_of(answer, 409, "invalid_idempotent_request")
    other = web.key("other") | {"Idempotency-Key": "order-1"}
    assert web.client.post("/v1/emails", json=MAIL, headers=other).status_code == 200


@pytest.mark.parametrize("value", ["", "x" * 257, "caf\u00e9", "tab\there"])
def test_an_idempotency_key_is_printable_and_short(web: Web, key: Headers, value: str) -> None:
    """Any other key is refused, not cut or ignored."""
    answer = web.client.post("/v1/emails", json=MAIL, headers=key | {"Idempotency-Key": value})
    problem_of(answer, 400, "invalid_idempotency_key")
