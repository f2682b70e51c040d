"""Whatever text comes in by whatever route, it gets an answer: control characters and odd UTF-8 break nothing."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.domain.apps.callers import Scope
from app.web.http.auth import PUBLIC
from app.web.http.routing import Operation
from app.web.openapi.document import declared
from tests.integration.web.test_guards import GUARDED
from tests.support.gateway.web import MAIL, Headers, Web, web_on

ODD = (
    "\x00", "a\x00b", "ann\x00@example.com", "@exam\x00ple.com", "\x01", "\x1b[2J", "\x7f", "\x80", "\x85", "\x9b31m",
    "\u2028", "\u202e", "\ufeff", "\ufffe", "\uffff", "\U0010ffff", "\U0001f600", "e\u0301", "\r\nX: y", "\t", "",
    " ", "%00", "\\u0000", "'", '"', "*", "/", "..", "a" * 5_000,
)  # fmt: skip
ODD_BYTES = (
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80", b"a\x00\xff", b"\x1b]0;",
)  # fmt: skip
FEW = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example is hundreds of requests, and small already
)

texts = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=20)
octets = st.sampled_from(ODD_BYTES) | texts.map(str.encode) | st.binary(max_size=20)


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, requests_per_second=100_000) as web:
        yield web


@pytest.fixture
def key(web: Web) -> Headers:
    return web.key("invites", *Scope)


def answered(answer: TestResponse) -> None:
    """Fail on an answer that reports a failure of ours."""
    try:
        assert answer.status_code < 500, answer.text
    finally:
        answer.close()


def routes(web: Web) -> list[tuple[Rule, str, Operation]]:
    return [
        (rule, method, operation)
        for rule, operation in declared(web.client.application)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint not in {"health.get_readiness", "metrics.get_metrics"}
    ]


def path_of(rule: Rule, value: bytes) -> str:
    """The path of a route with this value in each of its variables."""
    trace = rule._trace  # noqa: SLF001 - werkzeug has no public name for the parts of a rule
    parts = [quote_from_bytes(value, safe="") if is_value else text for is_value, text in trace]
    return "".join(parts).removeprefix("|").replace("|", "")


def filled(body: Any, place: Callable[[str], str]) -> Iterator[Any]:
    """This body with one text after the other replaced, names of members included."""
    if isinstance(body, str):
        yield place(body)
    elif isinstance(body, list):
        for number, item in enumerate(body):
            yield from ([*body[:number], other, *body[number + 1 :]] for other in filled(item, place))
    elif isinstance(body, dict):
        for name, value in body.items():
            yield from ({**body, name: other} for other in filled(value, place))
        yield {**body, place("x"): "y"}


@FEW
@given(value=octets)
@example(value=b"\x00")
def test_odd_bytes_in_a_path_are_answered(web: Web, key: Headers, value: bytes) -> None:
    """In each variable of each route."""
    for rule, method, operation in routes(web):
        body = GUARDED[rule.endpoint][3] if operation.guard is not PUBLIC else None
        answered(web.client.open(path_of(rule, value), method=method, headers=key, json=body))


@FEW
@given(name=octets, value=octets)
@example(name=b"\x00", value=b"\x00")
def test_odd_bytes_in_a_query_are_answered(web: Web, key: Headers, name: bytes, value: bytes) -> None:
    """As the name of a parameter, and as the value of each parameter that a route has."""
    for rule, method, operation in routes(web):
        body = GUARDED[rule.endpoint][3] if operation.guard is not PUBLIC else None
        path = path_of(rule, b"ann@example.com")
        known = [field.encode() for field in operation.query.model_fields] if operation.query else []
        for parameter in (name, *known):
            query = f"{quote_from_bytes(parameter)}={quote_from_bytes(value)}"
            answered(web.client.open(f"{path}?{query}", method=method, headers=key, json=body))


@FEW
@given(value=texts)
@example(value="\x00")
def test_odd_text_in_a_body_is_answered(web: Web, key: Headers, value: str) -> None:
    """In each text of each body, alone and in the middle of the original text."""
    full = {
        **MAIL,
        "cc": ["bob@example.com"],
        "html": "<p>",
        "stream": "news",
        "actor": "ann",
        "reference": "one",
        "supersedes": "one",
        "headers": {"X-One": "1"},
        "tags": [{"name": "a", "value": "b"}],
        "attachments": [{"filename": "a.txt", "content": "YQ==", "content_type": "text/plain", "content_id": "a"}],
    }
    for rule, method, operation in routes(web):
        if operation.guard is PUBLIC or GUARDED[rule.endpoint][3] is None:
            continue
        body = full if rule.endpoint == "emails.send_email" else GUARDED[rule.endpoint][3]
        path = path_of(rule, b"ann@example.com")
        for place in (lambda _: value, lambda text: text[:2] + value + text[2:]):
            for odd in filled(body, place):
                answered(web.client.open(path, method=method, headers=key, json=odd))


@FEW
@given(value=octets)
@example(value=b"\x00")
def test_odd_bytes_in_files_forms_and_notifications_are_answered(web: Web, key: Headers, value: bytes) -> None:
    """These bodies are not read as the API's JSON."""
    files = {
        "text/csv": [b"email,reason\nann@example.net," + value, value, b"email\n" + value + b"@example.net\n"],
        "application/json": [b'[{"email":"ann@example.net","reason":"' + value + b'"}]', value],
        "application/x-ndjson": [
            b'{"email":"' + value + b'@example.net"}\n',
            rb'{"email":"ann@example.net","reason":"\u0000","x":"\ud800"}',
            rb'{"email":"ann\u0000@example.net","scope":"\u0000"}',
        ],
    }
    for kind, bodies in files.items():
        for body in bodies:
            path = "/v1/suppressions/import"
            answered(web.client.post(path, data=body, headers=key, content_type=kind))
    form = "application/x-www-form-urlencoded"
    answered(web.client.post("/unsubscribe/abc", data=value, content_type=form))
    answered(web.client.post("/unsubscribe/abc", data=b"List-Unsubscribe=" + value, content_type=form))
    answered(web.client.post("/feedback/sns", data=value))
    answered(web.client.post("/feedback/sns", data=b'{"Type":"' + value + b'"}'))


@FEW
@given(value=octets)
@example(value=b"\x00")
def test_odd_bytes_in_headers_are_answered(web: Web, key: Headers, value: bytes) -> None:
    """In the headers that we read; line breaks and NUL never pass an HTTP server."""
    text = value.decode("latin-1").translate({ord(mark): None for mark in "\r\n\0"})
    for name in (
        "Authorization",
        "Idempotency-Key",
        "x-batch-validation",
        "Accept",
        "Content-Type",
        "Content-Encoding",
    ):
        for path, body in (("/v1/emails", MAIL), ("/v1/emails/batch", [MAIL])):
            answered(web.client.post(path, json=body, headers={**key, name: text}))
