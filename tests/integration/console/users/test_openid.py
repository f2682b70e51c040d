"""Signing in with an OpenID provider, by a real one, and attacks on the way back from it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.cli.local.children.port_checks import free_port
from app.domain.users.roles import Role
from tests.support.browser.browser import PATIENCE_S, Browser, browsing
from tests.support.console.people import Person, signed_in
from tests.support.console.sign_ins import PASSWORD
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on
from tests.support.openid.provider import SECRET, answer_of_provider, running_provider
from tests.support.servers.served import served

GATEWAY = "http://127.0.0.1:8025"
BEGIN = "/console/sign-in/openid"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_provider(tmp_path_factory.mktemp("provider"), GATEWAY) as running:
        yield running


@contextmanager
def gateway_with(migrated_url: str, redis_url: str, issuer: str, **more: Any) -> Iterator[Web]:
    """Yield a gateway whose people sign in with the provider."""
    ours: dict[str, Any] = {
        "public_url": GATEWAY,
        "oidc_issuer": issuer,
        "oidc_client_id": "postern",
        "oidc_client_secret": SECRET,
        "oidc_roles": "mail-admins=admin,helpdesk=support,everybody=viewer",
    }
    with web_on(migrated_url, redis_url, **ours | more) as made:
        yield made


@pytest.fixture
def web(migrated_url: str, redis_url: str, issuer: str) -> Iterator[Web]:
    with gateway_with(migrated_url, redis_url, issuer) as made:
        yield made


def begin(client: FlaskClient, wanted: str = "") -> str:
    """Begin a sign-in, and return the URL of the provider."""
    answer = client.get(BEGIN, query_string={"next": wanted} if wanted else {})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def come_back(client: FlaskClient, url: str, **change: str) -> TestResponse:
    """Open the URL to which the provider leads, with these parameters changed."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | change
    return client.get(f"{parts.path}?{urlencode(query)}")


def sign_in(client: FlaskClient, login: str = "kim") -> TestResponse:
    """Sign in all the way."""
    return come_back(client, answer_of_provider(begin(client), login=login))


def refused(answer: TestResponse, sentence: str) -> bool:
    """Whether the answer is the sign-in with this sentence, and begins no session."""
    began = any(one.startswith("postern_session=") for one in answer.headers.getlist("Set-Cookie"))
    return answer.status_code in {401, 503} and sentence in answer.text and not began


def test_a_person_signs_in_with_the_account_that_they_have(web: Web) -> None:
    """The first time makes the user, with the role of their group; the audit has both."""
    page = web.client.get("/console/sign-in").text
    assert f"Sign in with {urlsplit(web.gateway.settings.oidc_issuer).netloc}" in page
    answer = sign_in(web.client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    own = web.client.get("/console/own-account").text
    assert "kim@example.com" in own
    assert "Its password and its second factor are kept there." in own
    assert "You have no password yet" not in web.client.get("/console").text
    user = web.gateway.users.users.find(ROOT, "kim@example.com")
    assert (user.role, user.has_openid, user.has_password) == (Role.ADMIN, True, False)
    [signed_in] = rows(web.gateway, "audit", action="user.signed_in")
    assert (signed_in["actor"], signed_in["data"]) == ("user:kim@example.com", {"by": "openid"})


def test_the_request_is_bound_to_this_browser_and_this_sign_in(web: Web) -> None:
    """State, nonce and a PKCE challenge, each new; the cookie is sealed, kept from scripts, and short-lived."""
    first, second = (parse_qs(urlsplit(begin(web.client)).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]
    assert first["code_challenge_method"] == ["S256"]
    cookie = web.client.get_cookie("postern_openid")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.max_age) == (True, "Lax", 600)
    assert not any(second[name][0] in cookie.value for name in ("state", "nonce"))


@pytest.mark.parametrize(
    "wanted, leads_to", [("/console/emails?state=held", "/console/emails?state=held"), ("//evil.example", "/console")]
)
def test_it_leads_to_the_page_that_was_wanted(web: Web, wanted: str, leads_to: str) -> None:
    """If it is one of the console."""
    answer = come_back(web.client, answer_of_provider(begin(web.client, wanted)))
    assert answer.headers["Location"] == leads_to


def test_the_role_is_that_of_the_provider_each_time(web: Web) -> None:
    """Another role there is one here at the next sign-in, and ends the sessions with the role before."""
    sign_in(web.client, "ann")
    assert web.gateway.users.users.find(ROOT, "ann@example.com").role is Role.SUPPORT
    web.gateway.users.users.change_role(ROOT, "ann@example.com", Role.OPERATOR, "A test.")
    sign_in(web.client, "ann")
    assert web.gateway.users.users.find(ROOT, "ann@example.com").role is Role.SUPPORT


def test_a_person_without_a_role_is_refused(web: Web) -> None:
    """And is no user here."""
    assert refused(sign_in(web.client, "bob"), "Your account has no role here")
    assert web.gateway.users.users.all(ROOT) == ()


def test_a_disabled_user_is_refused(web: Web) -> None:
    """Whatever the provider says."""
    sign_in(web.client, "ann")
    web.gateway.users.users.disable(ROOT, "ann@example.com", "A test.")
    assert refused(sign_in(web.client, "ann"), "disabled")


def test_a_user_of_that_name_is_not_taken_over(web: Web) -> None:
    """A user that was made here is not the person of the same name at the provider."""
    web.gateway.users.users.create(ROOT, "kim@example.com", Role.VIEWER)
    assert refused(sign_in(web.client), "Another user has this name")


def test_a_person_of_the_provider_has_no_password_here(web: Web) -> None:
    """Otherwise a person who leaves the organisation would keep a way in."""
    sign_in(web.client)
    person = Person("kim@example.com", Role.ADMIN, web.client)
    assert 'name="new"' not in person.page("/console/own-account")
    answer = person.post("/console/own-account/password", new=PASSWORD, again=PASSWORD)
    assert answer.status_code == 409
    assert not web.gateway.users.users.find(ROOT, "kim@example.com").has_password


def test_who_signs_out_here_is_offered_to_sign_out_there(web: Web) -> None:
    """By a link, to where the provider asks and then leads back to the sign-in."""
    sign_in(web.client)
    answer = Person("kim@example.com", Role.ADMIN, web.client).post("/console/sign-out")
    page = web.client.get(answer.headers["Location"])
    [url] = re.findall(r'<a href="([^"]+)">Sign out there, too</a>', page.text)
    query = parse_qs(urlsplit(unescape(url)).query)
    assert query == {"client_id": ["postern"], "post_logout_redirect_uri": [f"{GATEWAY}/console/sign-in"]}
    assert urllib3.request("GET", unescape(url), retries=False).status == 200


def test_who_has_a_password_signs_out_here_alone(web: Web) -> None:
    """The provider knows nothing of them."""
    answer = signed_in(web).post("/console/sign-out")
    assert answer.headers["Location"] == "/console/sign-in"


@pytest.mark.parametrize("change", [{"state": "A" * 43}, {"state": ""}, {"iss": "https://evil.example"}, {"code": ""}])
def test_an_answer_that_was_changed_is_refused(web: Web, change: dict[str, str]) -> None:
    """Another state, none, another issuer (RFC 9207), no code."""
    answer = come_back(web.client, answer_of_provider(begin(web.client)), **change)
    assert answer.status_code == 401
    assert not any(one.startswith("postern_session=") for one in answer.headers.getlist("Set-Cookie"))


def test_the_answer_of_another_browser_is_refused(web: Web) -> None:
    """An attacker cannot let a person end a sign-in that the attacker began."""
    attacker, victim = (web.client.application.test_client() for _ in range(2))
    url = answer_of_provider(begin(attacker))
    assert refused(come_back(victim, url), "not begun in this browser")
    begin(victim)
    assert refused(come_back(victim, url), "not begun in this browser")


def test_a_code_works_once(web: Web) -> None:
    """A second use is refused by the browser's side, which has forgotten the sign-in, and by the provider."""
    url = answer_of_provider(begin(web.client))
    kept = web.client.get_cookie("postern_openid")
    assert kept is not None
    assert come_back(web.client, url).status_code == 303
    assert refused(come_back(web.client, url), "not begun in this browser")
    thief = web.client.application.test_client()
    thief.set_cookie("postern_openid", kept.value)
    assert refused(come_back(thief, url), "What the provider sent is not valid")


def test_a_code_of_another_sign_in_is_refused(web: Web) -> None:
    """Its PKCE verifier and its nonce are of the other one."""
    attacker, victim = (web.client.application.test_client() for _ in range(2))
    stolen = parse_qs(urlsplit(answer_of_provider(begin(attacker))).query)["code"][0]
    url = answer_of_provider(begin(victim))
    assert refused(come_back(victim, url, code=stolen), "What the provider sent is not valid")


@pytest.mark.parametrize("kept", ["", "x", "A" * 200, "gAAAAAB" + "A" * 120])
def test_what_the_browser_kept_is_ours_or_nothing(web: Web, kept: str) -> None:
    """A forged cookie begins nothing."""
    url = answer_of_provider(begin(web.client))
    web.client.set_cookie("postern_openid", kept)
    assert refused(come_back(web.client, url), "not begun in this browser")


def test_a_sign_in_ends_after_ten_minutes(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun and left is worth nothing to the next person at the browser."""
    url = answer_of_provider(begin(web.client))
    monkeypatch.setattr("app.services.users.openid.FLOW_LASTS_S", -1)
    assert refused(come_back(web.client, url), "more than ten minutes ago")


def test_a_provider_that_declines_is_not_repeated(web: Web) -> None:
    """Its words may be anybody's: whoever writes the URL writes them."""
    state = parse_qs(urlsplit(begin(web.client)).query)["state"][0]
    answer = web.client.get(f"{BEGIN}/callback?error=access_denied&error_description=Call+0900&state={state}")
    assert refused(answer, "The provider did not sign you in")
    assert "0900" not in answer.text


def test_a_gateway_with_a_wrong_secret_signs_nobody_in(migrated_url: str, redis_url: str, issuer: str) -> None:
    """The provider refuses it."""
    with gateway_with(migrated_url, redis_url, issuer, oidc_client_secret="wrong") as web:
        assert refused(sign_in(web.client), "What the provider sent is not valid")


def test_a_gateway_may_be_a_public_client(migrated_url: str, redis_url: str, issuer: str) -> None:
    """Without a secret; PKCE ties the code to the browser that began."""
    with gateway_with(migrated_url, redis_url, issuer, oidc_client_id="public", oidc_client_secret="") as web:
        assert sign_in(web.client).headers["Location"] == "/console"


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_it_works_in_a_browser_whose_provider_is_another_site(
    migrated_url: str, redis_url: str, tmp_path: Path
) -> None:
    """The policy of our pages lets the person go there, and the cookie comes back with the way from another site."""
    port = free_port()
    gateway = f"http://localhost:{port}"
    with (
        running_provider(tmp_path, gateway) as issuer,
        gateway_with(migrated_url, redis_url, issuer, public_url=gateway) as web,
        served(web, port=port),
        browsing(tmp_path) as browser,
    ):
        browser.open(f"{gateway}/console/emails")
        browser.run("document.querySelector('main a[role=button]').click()")
        reached(browser, "Sign-in")
        browser.run("document.querySelector('[name=login]').value = 'kim'")
        browser.run("document.querySelector('[name=password]').value = 'any'")
        browser.run("document.querySelector('form').submit()")
        reached(browser, "Authorize")
        browser.run("document.querySelector('form').submit()")
        reached(browser, "Emails")
        assert browser.run("return location.href") == f"{gateway}/console/emails"
        assert [one for one in browser.complaints() if gateway in one] == []


def reached(browser: Browser, heading: str) -> None:
    """Wait until the browser shows a page with this heading."""
    deadline = time.monotonic() + PATIENCE_S
    while not browser.shows(heading):
        assert time.monotonic() < deadline, browser.run("return document.documentElement.outerHTML")
        time.sleep(0.05)


def test_a_provider_that_is_not_there_leaves_the_password(migrated_url: str, redis_url: str) -> None:
    """The page says so, and the form is there."""
    with gateway_with(migrated_url, redis_url, "http://127.0.0.1:9") as web:
        answer = web.client.get(BEGIN)
    assert refused(answer, "The provider does not answer now")
    assert answer.headers["Retry-After"] == "5"
    assert 'name="password"' in answer.text


def test_without_a_provider_there_is_no_such_sign_in(migrated_url: str, redis_url: str) -> None:
    """Neither the button nor its pages."""
    with web_on(migrated_url, redis_url) as web:
        assert "Sign in with" not in web.client.get("/console/sign-in").text
        assert web.client.get(BEGIN).status_code == 404
        assert web.client.get(f"{BEGIN}/callback?state=x&code=y").status_code == 404
