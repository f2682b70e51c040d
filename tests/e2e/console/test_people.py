"""The pages about people in a real browser: on phones and wide screens, light and dark, by keyboard, by axe."""

from collections.abc import Iterator
from itertools import product

import pytest

from app.domain.users.roles import Role
from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import ENTER, TAB, Browser, browsing
from tests.support.console.sign_ins import PASSWORD, code_of, with_codes
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import Web, web_on
from tests.support.servers.cli import until
from tests.support.servers.served import served

SCREENS = [
    pytest.param(width, scheme, id=f"{width}-{scheme}") for width, scheme in product((360, 1280), ("light", "dark"))
]


@pytest.fixture
def web(migrated_sqlite_url: str, redis_url: str) -> Iterator[Web]:
    openid = {"oidc_issuer": "https://login.example.com", "oidc_client_id": "postern", "oidc_roles": "a=admin"}
    with web_on(migrated_sqlite_url, redis_url, **openid) as made:
        yield made


@pytest.fixture
def url(web: Web) -> Iterator[str]:
    with served(web) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Axe:
    return axe_core(tmp_path_factory.mktemp("axe"))


def sign_in(web: Web, browser: Browser, url: str) -> None:
    """Open the link of a new administrator."""
    _, token = web.gateway.users.users.create(ROOT, "admin.of.a.rather.long.name@example.com", Role.ADMIN)
    browser.open(f"{url}/console/sign-in/link/{token}")


def send(browser: Browser, heading: str, *texts: str) -> None:
    """Type the texts, one a field, from where the focus is, and send the form; wait for the page that it leads to."""
    for number, text in enumerate(texts):
        browser.press(*([TAB] if number else []), *text)
    browser.run("document.title = 'before'")
    browser.press(ENTER)
    until(lambda: browser.shows(heading) and browser.run("return document.title") != "before")


@pytest.mark.parametrize("width, scheme", SCREENS)
def test_every_page_can_be_used_by_everybody(
    web: Web, url: str, browser: Browser, axe: Axe, width: int, scheme: str
) -> None:
    """Axe finds nothing, nothing is wider than the screen, and the browser blocks nothing."""
    with_codes(web)
    kim = web.gateway.users.users.find(ROOT, "kim").id
    browser.look(width, scheme=scheme)
    browser.complaints()
    browser.open(f"{url}/console/sign-in")
    fit(browser, axe, "Sign in")
    sign_in(web, browser, url)
    fit(browser, axe, "Overview")
    for path, heading in (
        ("/console/own-account", "Your sign-in"),
        ("/console/users", "Users"),
        (f"/console/users/{kim}", "kim"),
    ):
        browser.open(url + path)
        browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        fit(browser, axe, heading)
    browser.open(f"{url}/console/own-account")
    browser.run("document.querySelector('form[action$=authenticator] button').click()")
    until(lambda: browser.shows("Set up an authenticator"))
    fit(browser, axe, "Set up an authenticator")


def fit(browser: Browser, axe: Axe, heading: str) -> None:
    """Check the page that the browser shows."""
    assert browser.shows(heading)
    assert axe.violations(browser) == []
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.complaints() == []


def test_a_person_sets_up_their_sign_in_with_the_keyboard(web: Web, url: str, browser: Browser) -> None:
    """From the one-time link to a sign-in with a password and a code."""
    browser.look(1280)
    sign_in(web, browser, url)
    browser.open(f"{url}/console/own-account")
    browser.run("document.querySelector('[name=new]').focus()")
    send(browser, "Your sign-in", PASSWORD, PASSWORD)
    assert browser.find(".done")[0].text.startswith("Your password is set.")
    browser.run("document.querySelector('form[action$=authenticator] button').focus()")
    send(browser, "Set up an authenticator")
    assert browser.focused().label == "Code"
    secret = browser.find("#secret")[0].text
    send(browser, "Your sign-in", code_of(secret))
    assert browser.find(".done")[0].text.startswith("Your authenticator is set up.")
    browser.run("document.querySelector('form[action$=sign-out] button').focus()")
    send(browser, "Sign in")
    send(browser, "Overview", "admin.of.a.rather.long.name@example.com", PASSWORD, code_of(secret, ahead=1))


def test_an_administrator_adds_a_person_with_the_keyboard(web: Web, url: str, browser: Browser) -> None:
    """The link is shown with a button that copies it."""
    browser.look(1280)
    sign_in(web, browser, url)
    browser.open(f"{url}/console/users")
    browser.run("document.querySelector('.actions summary').focus()")
    browser.press(ENTER, TAB)
    assert browser.focused().label.startswith("Name")
    send(browser, "One-time link", "kim@example.com", "support", "Kim joins support.")
    assert web.gateway.users.users.find(ROOT, "kim@example.com").role is Role.SUPPORT
    assert browser.find("#link")[0].text.startswith("http://127.0.0.1")
    assert [one.text for one in browser.find("[data-copies]")] == ["Copy"]
