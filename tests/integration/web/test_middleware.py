"""Rules for every route: the one body of failures, the id, the headers, the order of the checks, the bounds."""

import dataclasses
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from app.domain.apps.callers import Scope
from app.web.application import create_app
from tests.support.gateway.web import MAIL, NO_ID, Web, pointers, problem_of, web_on

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, max_body_bytes=20_000) as web:
        yield web


@pytest.mark.parametrize(
    "method, path, status, name",
    [
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "//v1/emails", 404, "not_found"),
        ("GET", "/v1/emails/not-an-id", 404, "not_found"),
        ("GET", "/static/x", 404, "not_found"),
        ("GET", "/docs/../wsgi.py", 404, "not_found"),
        ("GET", "/docs/docs.html", 404, "not_found"),
        ("PUT", "/v1/emails", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/emails", 405, "method_not_allowed"),
        ("TRACE", "/healthz", 405, "method_not_allowed"),
        ("GET", "/feedback/sns", 405, "method_not_allowed"),
        ("BREW", "/v1/emails", 405, "method_not_allowed"),
        ("GET", "/v1/emails", 401, "missing_api_key"),
        ("POST", "/v1/emails", 401, "missing_api_key"),
        ("POST", "/feedback/sns", 400, "malformed_notification"),
    ],
)
def test_every_failure_has_the_one_body(web: Web, method: str, path: str, status: int, name: str) -> None:
    """No route and no method answers in HTML, or in a shape of its own."""
    problem_of(web.client.open(path, method=method), status, name)


@pytest.mark.parametrize(
    "method, path, detail",
    [
        ("POST", "/emails", "Use `/v1/emails`: the address of the API ends in /v1."),
        ("GET", "/v1//emails", "Write the path with single slashes: `/v1/emails`."),
        ("GET", "/v1/emails/not-an-id", "An email's id is a UUID"),
        ("POST", "/v1/audiences", "Postern keeps no lists of contacts."),
        ("PUT", "/v1/emails", "This path answers GET and POST."),
        ("OPTIONS", "/v1/emails", "call the API from your server."),
    ],
)
def test_a_failure_of_the_path_says_what_to_do_instead(web: Web, method: str, path: str, detail: str) -> None:
    """Whoever calls the wrong path reads the answer first, not the documentation."""
    assert detail in web.client.open(path, method=method).get_json()["message"]


def test_the_first_page_names_the_others(web: Web) -> None:
    """The console, the API and health; each of its links is served."""
    page = web.client.get("/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    links = re.findall(r'<dt><a href="([^"]+)"|(/openapi\.json)"', page.text)
    assert [one or other for one, other in links] == ["/console", "/docs", "/openapi.json", "/readyz", "/healthz"]
    for link in re.findall(r'href="(/[^"]*)"', page.text):
        answer = web.client.get(link)
        assert answer.status_code in {200, 303, 503}
        answer.close()


def test_a_refused_method_gets_the_allowed_methods(web: Web) -> None:
    """RFC 9110 requires Allow with a 405."""
    answer = web.client.put("/v1/emails")
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    "accept, mimetype",
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "application/json"),
        ("application/problem+json", "application/problem+json"),
        ("application/json;q=0.5, application/problem+json", "application/problem+json"),
    ],
)
def test_problem_json_is_for_clients_that_ask_for_it(web: Web, accept: str | None, mimetype: str) -> None:
    """Resend's clients read application/json only, so they get it; RFC 9457 clients get the type that they ask for."""
    answer = web.client.get("/nothing", headers={"Accept": accept} if accept else {})
    assert answer.mimetype == mimetype


def test_every_answer_has_an_id_of_ours_and_careful_headers(web: Web) -> None:
    """The id is a fresh UUIDv7, never the client's; no answer may be stored, framed or sniffed."""
    ids = set()
    for path in ("/healthz", "/nothing", "/v1/emails", "/openapi.json", "/docs"):
        answer = web.client.get(path, headers={"X-Request-Id": "mine"})
        ids.add(answer.headers["X-Request-Id"])
        assert UUID(answer.headers["X-Request-Id"]).version == 7
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in answer.headers
        answer.close()
    assert len(ids) == 5


def test_browsers_insist_on_https_where_it_is_served(web: Web) -> None:
    """HSTS is sent when the public address is https."""
    settings = web.gateway.settings.model_copy(update={"public_url": "https://mail.example.com"})
    client = create_app(gateway=dataclasses.replace(web.gateway, settings=settings)).test_client()
    assert "max-age" in client.get("/healthz").headers["Strict-Transport-Security"]


class Unreadable:
    """A request body that fails the test when it is read."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("the body was read")

    readline = readlines = read


def unreadable(*, length: int) -> dict[str, Any]:
    """The environment of a request whose body may not be read."""
    return {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(length)}


@pytest.mark.parametrize("path", ["/v1/emails", "/v1/emails/batch", "/v1/suppressions"])
@pytest.mark.parametrize(
    "authorization, status, name",
    [
        (None, 401, "missing_api_key"),
        ("", 401, "missing_api_key"),
        ("Basic YTpi", 403, "invalid_api_key"),
        ("Bearer x", 403, "invalid_api_key"),
        ("Bearer ptn_abcdefghijkl_" + "A" * 43, 403, "invalid_api_key"),
        ("reader", 403, "restricted_api_key"),
    ],
)
def test_a_refusal_comes_before_the_body_is_read(
    web: Web, path: str, authorization: str | None, status: int, name: str
) -> None:
    """A caller without a right cannot make the gateway read a body, let alone parse it."""
    headers = web.key("invites", Scope.EMAILS_READ) if authorization == "reader" else {}
    if authorization and authorization != "reader":
        headers = {"Authorization": authorization}
    answer = web.client.post(
        path,
        headers=headers,
        content_type="application/json",
        environ_overrides=unreadable(length=100),
    )
    problem_of(answer, status, name)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    "raw, headers, status, name",
    [
        (b"{", {}, 400, "validation_error"),
        (b"", {}, 400, "validation_error"),
        (b"\xef\xbb\xbf{}", {}, 400, "validation_error"),
        (b"[" * 10_000, {}, 400, "validation_error"),
        (b'{"to": NaN}', {}, 400, "validation_error"),
        (b'{"to": "a", "to": "b"}', {}, 400, "validation_error"),
        (b"{}", {}, 422, "validation_error"),
        (b"[]", {}, 422, "validation_error"),
        (b"null", {}, 422, "validation_error"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Encoding": "identity"}, 415, "unsupported_media_type"),
        (b'"' + b"x" * 20_000 + b'"', {}, 413, "payload_too_large"),
    ],
)
def test_a_body_is_plain_json_within_bounds(
    web: Web, raw: bytes, headers: dict[str, str], status: int, name: str
) -> None:
    """A body that cannot be read safely is refused with the matching error, and never with a 500."""
    headers = {"Content-Type": "application/json"} | web.key() | headers
    problem_of(web.client.post("/v1/emails", data=raw, headers=headers), status, name)


def test_a_body_that_claims_to_be_too_long_is_not_read(web: Web) -> None:
    """The announced length is enough to refuse it."""
    answer = web.client.post(
        "/v1/emails", headers=web.key(), content_type="application/json", environ_overrides=unreadable(length=20_001)
    )
    problem_of(answer, 413, "payload_too_large")


@pytest.mark.parametrize(
    "raw", [b"[" + b" " * 20_000 + b"]", b"{}" + b" " * 20_000], ids=["cut", "whole before the cut"]
)
def test_a_body_without_a_length_is_not_cut(web: Web, raw: bytes) -> None:
    """A body that streams in beyond the bound gets a 413; the part that fits is never used."""
    answer = web.client.post(
        "/v1/emails",
        headers=web.key(),
        content_type="application/json",
        input_stream=BytesIO(raw),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    problem_of(answer, 413, "payload_too_large")


def test_an_email_may_stream_in(web: Web) -> None:
    """Clients that do not know the length beforehand are served."""
    answer = web.client.post(
        "/v1/emails",
        headers=web.key(),
        content_type="application/json",
        input_stream=BytesIO(json.dumps(MAIL).encode()),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "query, pointer",
    [
        ("limit=0", "/limit"),
        ("limit=1&limit=2", ""),
        ("page=2", "/page"),
        ("after=x", "/after"),
        ("last_event=eaten", "/last_event"),
        ("since=monday", "/since"),
    ],
)
def test_a_query_string_is_refused_like_a_body(web: Web, query: str, pointer: str) -> None:
    """With the same body of failures, and a pointer that names the parameter."""
    answer = web.client.get(f"/v1/emails?{query}", headers=web.key())
    assert pointers(problem_of(answer, 422, "validation_error")) == [pointer]


def test_routes_without_a_query_take_none(web: Web) -> None:
    """A parameter without an effect would seem to have one."""
    answer = web.client.get(f"/v1/emails/{NO_ID}?expand=events", headers=web.key())
    assert pointers(problem_of(answer, 422, "validation_error")) == ["/expand"]


def test_an_application_has_its_rate(migrated_url: str, redis_url: str) -> None:
    """Beyond it, requests get 429 and the time to retry; another application is not held up."""
    with web_on(migrated_url, redis_url, requests_per_second=3) as web:
        eager, other = web.key("eager"), web.key("other")
        answers = [web.client.get("/v1/emails", headers=eager) for _ in range(8)]
        assert answers[0].status_code == 200
        assert answers[0].headers["RateLimit-Limit"] == "3"
        assert answers[0].headers["RateLimit-Remaining"] == "2"
        assert answers[0].headers["RateLimit-Reset"] == "1"
        refused = next(answer for answer in answers if answer.status_code != 200)
        problem_of(refused, 429, "rate_limit_exceeded")
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["RateLimit-Remaining"] == "0"
        assert web.client.get("/v1/emails", headers=other).status_code == 200
