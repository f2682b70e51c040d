"""The pages of the console in a browser: each on a phone and a wide screen, light and dark, by keyboard and by axe."""

from dataclasses import dataclass

import pytest
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from tests.support.browser.axe import Axe
from tests.support.browser.browser import ENTER, TAB, Browser
from tests.support.browser.page import Page
from tests.support.console.crawl import crawl
from tests.support.console.people import signed_in
from tests.support.console.site import Site
from tests.support.console.stage import fill_every_page
from tests.support.console.stories import GONE
from tests.support.gateway.rows import rows
from tests.support.servers.cli import until

FIRST_PAGE_BYTES, NEXT_PAGE_BYTES = 120_000, 15_000


@dataclass(frozen=True, slots=True)
class Pages:
    """The paths of the pages: one of each kind, and those that look different."""

    paths: tuple[str, ...]


@pytest.fixture(scope="module")
def pages(site: Site) -> Pages:
    email = fill_every_page(site.web)
    person = signed_in(site.web, name="crawler")
    kinds = crawl(site.web, person).values()
    found = [next((path for path in paths if is_page(person.get(path))), None) for paths in kinds]
    others = (
        f"/console/emails/{email}",
        f"/console/emails/{email}/notifications",
        *(f"/console/notifications?which={which}" for which in ("parked", "refused")),
        "/console/incidents?which=closed",
        "/console/suppressions?part=past",
    )
    return Pages(tuple(dict.fromkeys([*filter(None, found), *others])))


def is_page(answer: TestResponse) -> bool:
    """Return whether it is a page of the console: no download, and no part or frame of a page."""
    return answer.mimetype == "text/html" and 'id="main"' in answer.text


def test_every_page_can_be_used_by_everybody(site: Site, admin: Browser, axe: Axe, pages: Pages) -> None:
    """Light and dark, on a phone and a wide screen, with all forms open.

    Axe finds nothing, nothing is wider than the screen, and the browser blocks nothing, not even an icon. After the
    first page each weighs at most 15 kB.
    """
    assert len(pages.paths) >= 25
    site.open(admin, "/console")
    wrong: dict[str, list[object]] = {}
    for path in pages.paths:
        site.open(admin, path)
        weighs = weight(admin)
        found = axe.faults(admin)
        if weighs > NEXT_PAGE_BYTES:
            found.append(f"it weighs {weighs} bytes")
        if found:
            wrong[path] = found
    assert wrong == {}


@pytest.mark.parametrize("path", ["/", "/console/nothing"])
def test_pages_outside_of_the_menu_can_be_used_by_everybody(site: Site, admin: Browser, axe: Axe, path: str) -> None:
    """The front page, and the one that says what went wrong."""
    admin.complaints()
    site.open(admin, path)
    assert [one for one in axe.faults(admin) if "404" not in str(one)] == []


def test_the_first_page_is_light_on_the_wire(site: Site, admin: Browser) -> None:
    """At most 120 kB, with styles and scripts."""
    admin.devtools("Network.clearBrowserCache")
    site.open(admin, "/console")
    assert weight(admin) <= FIRST_PAGE_BYTES


def weight(browser: Browser) -> int:
    """Return how many bytes the page has taken from the network."""
    script = "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
    return int(browser.run(f"{script}.reduce((sum, one) => sum + one.transferSize, 0)"))


@pytest.mark.presses("find.find_anything", "console_address.unsuppress_address")
def test_an_address_is_unsuppressed_with_the_keyboard_alone(site: Site, admin: Browser, pages: Pages) -> None:
    """Search with `/`, open the form, give the reason, press Enter: the address is off the list."""
    assert pages.paths
    site.open(admin, "/console")
    admin.press("/")
    assert admin.focused().role == "searchbox"
    admin.press(*GONE, ENTER)
    until(lambda: admin.shows(GONE))
    tab_to(admin, "Unsuppress")
    admin.press(ENTER)
    tab_to(admin, "Reason")
    admin.press(*"They are back.", ENTER)
    until(lambda: Page(admin).done())
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


def test_what_has_the_focus_is_seen(site: Site, browser: Browser) -> None:
    """The first stop leads past the menu to the content, and each stop has an outline."""
    browser.look(1280)
    browser.open(site.link(Role.VIEWER, "tabber"))
    site.open(browser, "/console/suppressions")
    browser.press(TAB)
    assert browser.focused().text == "Skip to the content"
    for _ in range(12):
        outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", browser.focused()
        browser.press(TAB)
