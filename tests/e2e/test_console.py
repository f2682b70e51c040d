"""The console in a real browser: every page on a phone and a wide screen, light and dark, by keyboard and by axe."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import ENTER, TAB, Browser, browsing
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
    """A gateway behind an HTTP server, and the paths of its pages: one of each kind."""

    web: Web
    url: str
    paths: tuple[str, ...]

    def link(self, role: Role, name: str) -> str:
        """Return a link that signs a new user in."""
        _, token = self.web.gateway.users.users.create(ROOT, name, role)
        return f"{self.url}/console/sign-in/link/{token}"


@pytest.fixture
def site(migrated_sqlite_url: str, redis_url: str) -> Iterator[Site]:
    with web_on(migrated_sqlite_url, redis_url) as web, served(web) as url:
        fill(web)
        person = signed_in(web, name="crawler")
        found = [paths[0] for paths in crawl(web, person).values() if paths]
        yield Site(web, url, tuple(path for path in found if is_page(person.get(path))))


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
