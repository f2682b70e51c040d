"""Pages of the console: who may open them, what a browser may do with them, and what they never show."""

import gzip
import re
from collections.abc import Iterator
from html import unescape

import pytest
from werkzeug.routing import Rule

from app.domain.errors import ServiceUnavailable
from app.domain.users.roles import Role
from app.web.console.frame.operations import PageOperation, page_operation_of
from app.web.http.auth import PUBLIC
from tests.support.console.people import Person, signed_in
from tests.support.gateway.web import NO_ID, Web, web_on

PLACEHOLDER = re.compile(r"<(?:(\w+):)?(\w+)>")
PUBLIC_PAGES = {
    "console_assets.get_asset",
    "front_page.get_home",
    "openid.begin_openid",
    "openid.finish_openid",
    "openid.show_signed_out",
    "sign_in.show_sign_in",
    "sign_in.sign_in_with_link",
    "sign_in.sign_in_with_password",
}


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def pages(web: Web) -> Iterator[tuple[Rule, PageOperation]]:
    """Yield every page and change of the console."""
    app = web.client.application
    for rule in app.url_map.iter_rules():
        operation = page_operation_of(app.view_functions[rule.endpoint])
        if operation is not None:
            yield rule, operation


def path_of(rule: Rule) -> str:
    """A path of the rule, of things that do not exist."""
    return PLACEHOLDER.sub(lambda one: NO_ID if one[1] == "uuid" else "unknown", rule.rule)


def test_public_pages_are_listed_by_name(web: Web) -> None:
    """Every other page needs a session."""
    assert {rule.endpoint for rule, operation in pages(web) if operation.role is PUBLIC} == PUBLIC_PAGES


def test_every_page_opens_to_its_role_and_those_above(web: Web) -> None:
    """Below it a page is refused by name; without a session it leads to the sign-in."""
    people = {role: signed_in(web, role) for role in Role}
    for rule, operation in pages(web):
        if operation.role is PUBLIC or rule.endpoint == "sign_in.sign_out":
            continue
        path, changes = path_of(rule), operation.form is not None
        method = "POST" if changes else "GET"
        anonymous = web.client.open(path, method=method)
        assert anonymous.status_code == 303, path
        assert anonymous.headers["Location"].startswith("/console/sign-in"), path
        for role, person in people.items():
            answer = person.post(path) if changes else person.get(path)
            is_refused = answer.status_code == 403 and "This needs the role" in answer.text
            assert is_refused != role.includes(Role(operation.role)), (path, role, answer.status_code)
            assert answer.status_code < 500, (path, role, answer.text)
            answer.close()


def test_a_change_needs_the_form_of_its_session(web: Web) -> None:
    """Without the secret, with that of another session, or sent by another site, nothing is changed."""
    admin, other = signed_in(web, Role.ADMIN), signed_in(web, Role.OPERATOR)
    for rule, operation in pages(web):
        if operation.form is None or operation.role is PUBLIC:
            continue
        path = path_of(rule)
        stolen = {"form_secret": other.secret()}
        from_elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        for answer in (
            admin.client.post(path),
            admin.client.post(path, data=stolen),
            admin.client.post(path, data={"form_secret": admin.secret()}, headers=from_elsewhere),
        ):
            assert answer.status_code == 403, (path, answer.status_code)
            assert "The form has expired" in answer.text
    assert admin.page("/console")


def test_a_page_may_do_nothing_but_show_itself(web: Web) -> None:
    """No script, style, frame or form of another host, no inline script or style, no cache, no frame around it."""
    answer = signed_in(web).get("/console")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<style|style=|<script>|\son\w+=", answer.text)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", answer.text)


def test_the_cookie_is_kept_from_scripts_and_other_sites(web: Web, migrated_url: str, redis_url: str) -> None:
    """HttpOnly, SameSite, for the whole host; with https also Secure, under a name that no neighbour can set."""
    person = signed_in(web)
    cookie = person.client.get_cookie("postern_session")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.secure) == (True, "Lax", "/", False)
    with web_on(migrated_url, redis_url, public_url="https://mail.example.com") as safe:
        secure = signed_in(safe, name="kim").client.get_cookie("__Host-postern_session")
    assert secure is not None
    assert secure.secure


def test_the_secret_of_forms_looks_different_each_time(web: Web) -> None:
    """So that the length of compressed pages does not give it away; each of them works."""
    person = signed_in(web)
    first, second = person.secret(), person.secret()
    assert first != second
    for secret in (first, second):
        answer = person.client.post("/console/find", data={"form_secret": secret, "text": "ann@example.net"})
        assert answer.status_code == 303


def test_a_page_is_sent_compressed_to_those_who_can_read_it(web: Web) -> None:
    """The bytes are those of the page."""
    person = signed_in(web)
    packed = person.get("/console", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "<h1>Overview</h1>" in gzip.decompress(packed.data).decode()
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_a_file_is_kept_by_browsers_until_it_changes(web: Web) -> None:
    """Its URL contains a hash of it; another hash, or a path to other files, gives nothing."""
    url = re.findall(r'href="(/console/assets/\w+/console\.css)"', web.client.get("/console/sign-in").text)[0]
    answer = web.client.get(url)
    assert answer.mimetype == "text/css"
    assert "immutable" in answer.headers["Cache-Control"]
    for other in (url.replace("assets/", "assets/0"), "/console/assets/x/../frame/pages.py"):
        assert web.client.get(other).status_code == 404


def test_what_the_search_finds_has_no_address_in_its_url(web: Web) -> None:
    """The URL has a token, which is the same each time and is none of another text."""
    person = signed_in(web)
    urls = {
        person.post("/console/find", text=text).headers["Location"] for text in ("kim@example.net", " KIM@example.net")
    }
    assert not any("@" in url or "example" in url or "%40" in url for url in urls)


def fails(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the look for the session of a request fail."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("app.services.users.sessions.Sessions.behind", fail)


def test_without_the_database_a_page_says_when_to_come_back(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the failure asks the database for nothing."""
    person = signed_in(web)
    fails(monkeypatch, ServiceUnavailable("The database did not answer in time; repeat the request.", retry_after=1))
    answer = person.get("/console")
    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (503, "text/html", "1")
    assert "The database did not answer in time" in answer.text


def test_a_fault_of_ours_is_answered_by_a_page_too(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names no cause, and the request by which operators find it in the log."""
    person = signed_in(web)
    fails(monkeypatch, RuntimeError("a secret"))
    answer = person.get("/console")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "a secret" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize("path", ["/console/nothing", "/console/emails/unknown/nothing"])
def test_an_unknown_page_says_so(web: Web, path: str) -> None:
    """To people who are signed in by a page; others are led to the sign-in, as for any page."""
    answer = signed_in(web).get(path)
    assert answer.status_code == 404
    assert "There is no such page" in unescape(answer.text)


def everything(person: Person, web: Web) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of all pages that can be opened without an id."""
    for rule, operation in pages(web):
        if operation.form is None and "<" not in rule.rule:
            yield rule.rule, person.get(rule.rule).text
