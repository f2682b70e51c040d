"""The console in a real browser: every page on a phone and a wide screen, light and dark, by keyboard and by axe."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import pytest
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import ENTER, TAB, Browser, CannotDo, browsing
from tests.support.console.crawl import crawl
from tests.support.console.people import signed_in
from tests.support.console.stories import GONE, fill
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on
from tests.support.servers.cli import until
from tests.support.servers.served import served

FIRST_PAGE_BYTES, NEXT_PAGE_BYTES = 120_000, 15_000


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway behind an HTTP server, and the paths of its pages: one of each kind, and several."""

    web: Web
    url: str
    paths: tuple[str, ...]
    every_path: tuple[str, ...]

    def link(self, role: Role, name: str) -> str:
        """Return a link that signs a new user in."""
        _, token = self.web.gateway.users.users.create(ROOT, name, role)
        return f"{self.url}/console/sign-in/link/{token}"


@pytest.fixture
def site(migrated_sqlite_url: str, redis_url: str) -> Iterator[Site]:
    with web_on(migrated_sqlite_url, redis_url, public_url="http://127.0.0.1") as web, served(web) as url:
        fill(web)
        person = signed_in(web, name="crawler")
        found = [
            tuple(path for path in paths if is_page(person.get(path))) for paths in crawl(web, person).values() if paths
        ]
        yield Site(web, url, tuple(paths[0] for paths in found if paths), tuple(chain(*found)))


def is_page(answer: TestResponse) -> bool:
    """Return whether it is a page of the console: no download, and no part or frame of a page."""
    return answer.mimetype == "text/html" and 'id="main"' in answer.text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Axe:
    return axe_core(tmp_path_factory.mktemp("axe"))


@pytest.mark.parametrize("width, scheme", [(1024, "light"), (360, "dark")])
def test_every_page_can_be_used_by_everybody(browser: Browser, axe: Axe, site: Site, width: int, scheme: str) -> None:
    """Axe finds nothing, nothing is wider than the screen, and the browser blocks nothing, not even an icon.

    The menu is beside the page from 1024 pixels on, so that is where it has the least room.
    """
    browser.look(width, scheme=scheme)
    browser.open(site.link(Role.ADMIN, f"reader-{width}"))
    assert len(site.paths) >= 20
    browser.complaints()
    wrong: dict[str, list[object]] = {}
    for path in site.paths:
        browser.open(site.url + path)
        found = [*axe.violations(browser), *browser.complaints()]
        if browser.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append("it is wider than the screen")
        if len(browser.find("h1")) != 1:
            found.append("it has not one heading")
        if found:
            wrong[path] = found
    assert wrong == {}


def test_a_page_is_light_on_the_wire(browser: Browser, site: Site) -> None:
    """At most 120 kB for the first one, with styles and scripts, and 15 kB for each after it."""
    browser.look(1280)
    browser.open(site.link(Role.ADMIN, "weigher"))
    browser.devtools("Network.clearBrowserCache")
    browser.open(f"{site.url}/console")
    assert weight(browser) <= FIRST_PAGE_BYTES
    for path in site.paths:
        browser.open(site.url + path)
        assert weight(browser) <= NEXT_PAGE_BYTES, path


def weight(browser: Browser) -> int:
    """Return how many bytes the page has taken from the network."""
    script = "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
    return int(browser.run(f"{script}.reduce((sum, one) => sum + one.transferSize, 0)"))


def test_an_address_is_unsuppressed_with_the_keyboard_alone(browser: Browser, site: Site) -> None:
    """Search with `/`, open the form, give the reason, press Enter: the address is off the list."""
    browser.look(1280)
    browser.open(site.link(Role.SUPPORT, "typist"))
    browser.open(f"{site.url}/console")
    browser.press("/")
    assert browser.focused().role == "searchbox"
    browser.press(*GONE, ENTER)
    until(lambda: GONE in browser.run("return document.querySelector('h1').innerText"))
    tab_to(browser, "Unsuppress")
    browser.press(ENTER)
    tab_to(browser, "Reason")
    browser.press(*"They are back.", ENTER)
    until(lambda: browser.run("return Boolean(document.querySelector('.done'))"))
    [entry] = rows(site.web.gateway, "suppressions", key=GONE)
    assert entry["removed_at"] is not None


def tab_to(browser: Browser, label: str) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(80):
        browser.press(TAB)
        focused = browser.focused()
        if label in {focused.label, focused.text} or focused.label.startswith(label):
            return
    raise AssertionError(f"Tab never comes to {label}")


def test_what_has_the_focus_is_seen(browser: Browser, site: Site) -> None:
    """The first stop leads past the menu to the content, and each stop has an outline."""
    browser.look(1280)
    browser.open(site.link(Role.VIEWER, "tabber"))
    browser.open(f"{site.url}/console/suppressions")
    browser.press(TAB)
    assert browser.focused().text == "Skip to the content"
    for _ in range(12):
        outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", browser.focused()
        browser.press(TAB)


VALUES: Final = {
    "reason": "A test.",
    "name": "a-new-one",
    "title": "News",
    "url": "https://hooks.example.com/postern",
    "value": "user-7",
    "text": "ann@mail.example.net",
    "since": "2026-01-01",
    "until": "2099-12-31",
    "new": "a long enough password",
    "again": "a long enough password",
    "senders": "@example.com",
}
"""What a person types into the fields of these names."""

FORMS: Final = """
const isReady = (one) => one.type === 'hidden' || !one.required || one.value || one.name in %s;
const forms = [...document.querySelectorAll('main form[method=post]')];
return forms.filter((form) => [...form.elements].every(isReady)).map((form) => form.getAttribute('action'));
"""
SEND: Final = """
const form = [...document.querySelectorAll('main form[method=post]')].find((one) => one.getAttribute('action') === %s);
const values = %s;
if (!form) return false;
for (const one of form.elements) {
  if (one.required && !one.value || one.name === 'reason') one.value = values[one.name];
  if (['force', 'events', 'scopes'].includes(one.name) || form.querySelector('[type=radio]')) one.checked = true;
}
document.body.dataset.left = 'not yet';
form.closest('details')?.setAttribute('open', '');
form.querySelector('button:not([type=button])').click();
return true;
"""
LAST: Final = ("archive", "delete", "disable", "revoke", "retry_all", "replay_failed_deliveries", "rotate", "link")
"""What takes away that on which another change is made."""


def test_changes_are_made_in_a_browser(browser: Browser, site: Site) -> None:
    """Each from the page that offers it: open its form, give the reason, press its button; none is refused."""
    browser.look(1280)
    browser.open(site.link(Role.ADMIN, "changer"))
    routes = site.web.client.application.url_map.bind("localhost")
    made: set[str] = set()
    for _ in range(2):  # a change offers others: what was archived can be taken back
        offered: dict[str, tuple[str, str]] = {}
        for path in site.every_path:
            browser.open(site.url + path)
            for action in browser.run(FORMS % json.dumps(VALUES)):
                endpoint, _ = routes.match(action.partition("?")[0], method="POST")
                offered.setdefault(endpoint, (path, action))
        for endpoint in sorted(offered.keys() - made, key=lambda name: any(word in name for word in LAST)):
            path, action = offered[endpoint]
            browser.open(site.url + path)
            browser.complaints()
            if browser.run(SEND % (json.dumps(action), json.dumps(VALUES))):
                until(lambda: has_left(browser))
                assert browser.complaints() == [], (endpoint, browser.find("main")[0].text)
                made.add(endpoint)
    assert len(made) >= 40


def has_left(browser: Browser) -> bool:
    """Return whether the page on which a form was sent has been replaced."""
    try:
        return bool(browser.run("return document.readyState === 'complete' && !document.body.dataset.left"))
    except CannotDo:
        return False
