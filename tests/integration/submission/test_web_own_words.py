"""`actor`, `reference` and `supersedes` of an email in `/v1/emails`: taken, shown, filtered by, and in the answer."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.apps.callers import Scope
from app.queue import Lane
from tests.support.gateway.web import MAIL, Headers, Web, body_of, pointers, problem_of, web_on

WORDS = {"actor": "kim@example.com", "reference": "invitation 4711", "supersedes": "invitation/4711/é"}
FIELDS = tuple(WORDS)
LIMITS = {"actor": 320, "reference": 256, "supersedes": 256}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, max_batch=20) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key()


def listed(web: Web, key: Headers, **query: str) -> list[str]:
    return [one["id"] for one in body_of(web.client.get("/v1/emails", query_string=query, headers=key))["data"]]


def test_the_words_are_shown_with_the_email_and_in_lists(web: Web, key: Headers) -> None:
    """As they were submitted, without spaces around them; they are null where none were given."""
    email_id = web.submit(key, **{field: f" \t{word}\n" for field, word in WORDS.items()})
    without = web.submit(key)
    assert {field: web.email(key, email_id)[field] for field in FIELDS} == WORDS
    assert {field: web.email(key, without)[field] for field in FIELDS} == dict.fromkeys(FIELDS)
    [_, shown] = body_of(web.client.get("/v1/emails", headers=key))["data"]
    assert {field: shown[field] for field in FIELDS} == WORDS


@pytest.mark.parametrize("field", FIELDS)
def test_each_word_has_one_line_of_limited_length(web: Web, key: Headers, field: str) -> None:
    """An empty text and null leave it unset; a fault names the field and the rule, and never the value."""
    longest = "é" * LIMITS[field]
    assert web.email(key, web.submit(key, **{field: longest}))[field] == longest
    for empty in (None, "", "  "):
        assert web.email(key, web.submit(key, **{field: empty}))[field] is None
    for value, code in (
        (longest + "x", "string_too_long"),
        ("two\nlines", "control_character"),
        ("escape\x1b", "control_character"),
        ("line\u2028", "control_character"),
        (7, "string_type"),
        (["a"], "string_type"),
    ):
        answer = web.client.post("/v1/emails", json={**MAIL, field: value}, headers=key)
        problem = problem_of(answer, 422, "validation_error")
        assert pointers(problem) == [f"/{field}"]
        assert problem["errors"][0]["code"] == code
        assert not isinstance(value, str) or value not in answer.text


@pytest.mark.parametrize("field", FIELDS)
def test_emails_are_found_by_each_word(web: Web, key: Headers, field: str) -> None:
    """By exactly this text, with other filters too; an administrator finds those of all applications."""
    shown = [web.submit(key, **{field: word}) for word in ("a", "b", "a", "A")]
    web.submit(key)
    neighbour = web.submit(web.key("neighbour"), **{field: "a"})
    assert listed(web, key, **{field: " a "}) == [shown[2], shown[0]]
    assert listed(web, key, **{field: "c"}) == []
    assert listed(web, web.key("ops", *Scope), **{field: "a"}) == [neighbour, shown[2], shown[0]]
    for more in ({"to": "ann@example.com"}, {"stream": "default"}, {"last_event": "queued"}, {"since": "2020-01-01"}):
        assert listed(web, key, **{field: "b"}, **more) == [shown[1]], more
    for more in ({"to": "bob@example.com"}, {"stream": "news"}, {"state": "held"}, {"tag": "a:b"}, {"actor": "none"}):
        assert listed(web, key, **{**more, field: "b"}) == ([shown[1]] if field in more else []), more


@pytest.mark.parametrize("field", FIELDS)
def test_a_filter_by_a_word_is_held_to_its_rules(web: Web, key: Headers, field: str) -> None:
    """An empty one is refused, since it would list emails that were not looked for."""
    for value, code in (("", "string_too_short"), ("x" * 321, "string_too_long"), ("a\nb", "control_character")):
        answer = web.client.get("/v1/emails", query_string={field: value}, headers=key)
        problem = problem_of(answer, 422, "validation_error")
        assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [(f"/{field}", code)]


def test_the_answer_names_the_emails_that_were_superseded(web: Web, key: Headers) -> None:
    """Of a single email and in a batch; there is no such field when there are none."""
    first = body_of(web.client.post("/v1/emails", json={**MAIL, "supersedes": "k"}, headers=key))
    assert first.keys() == {"id"}
    second = body_of(web.client.post("/v1/emails", json={**MAIL, "supersedes": "k"}, headers=key))
    assert second["superseded"] == [first["id"]]
    batch = [{**MAIL, "supersedes": "k"}, MAIL, {**MAIL, "supersedes": "k"}]
    one, other, last = body_of(web.client.post("/v1/emails/batch", json=batch, headers=key))["data"]
    assert (one.keys(), other.keys()) == ({"id"}, {"id"})
    assert last["superseded"] == [second["id"], one["id"]]
    assert web.email(key, one["id"])["recipients"][0]["reason"] == "Superseded by a newer email."
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(web.mailer.sent) == 2


def test_a_repeated_request_names_the_same_superseded_emails(web: Web, key: Headers) -> None:
    """Its stored answer has them, for a single email and for a batch."""
    web.submit(key, supersedes="k")
    email: dict[str, Any] = {**MAIL, "supersedes": "k"}
    for path, body in (("/v1/emails", email), ("/v1/emails/batch", [email, email])):
        headers = key | {"Idempotency-Key": path}
        first, again = (web.client.post(path, json=body, headers=headers) for _ in range(2))
        assert "superseded" in first.text
        assert again.headers["Idempotency-Replayed"] == "true"
        assert body_of(again) == body_of(first)


@pytest.mark.parametrize("field", FIELDS)
def test_another_word_is_another_request(web: Web, key: Headers, field: str) -> None:
    """An idempotency key is bound to them as to every field."""
    headers = key | {"Idempotency-Key": "one"}
    body_of(web.client.post("/v1/emails", json={**MAIL, field: "a"}, headers=headers))
    answer = web.client.post("/v1/emails", json={**MAIL, field: "b"}, headers=headers)
    problem_of(answer, 409, "invalid_idempotent_request")


def test_the_openapi_document_has_them(web: Web) -> None:
    """As fields of a submission and of an email, as filters, and in the answer."""
    document = body_of(web.client.get("/openapi.json"))
    schemas = document["components"]["schemas"]
    for field in FIELDS:
        assert schemas["EmailBody"]["properties"][field]["maxLength"] == LIMITS[field]
        assert field in schemas["Email"]["properties"]
    parameters = {one["name"]: one["schema"] for one in document["paths"]["/v1/emails"]["get"]["parameters"]}
    assert {field: parameters[field]["anyOf"][0]["maxLength"] for field in FIELDS} == LIMITS
    assert "superseded" in schemas["Sent"]["properties"]
