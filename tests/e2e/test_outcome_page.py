"""The page of a link to outcomes in a real browser: on phones and wide screens, light and dark, by keyboard, by axe."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.reporting.outcome_links import LinkKind
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Origin
from app.services.reporting.outcome_links import LinkWish
from app.store.suppression.gate_sql import reason_for
from tests.support.browser.axe import Axe
from tests.support.browser.browser import ENTER, TAB, Browser
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change
from tests.support.gateway.web import web_on
from tests.support.servers.cli import until
from tests.support.servers.served import served

TITLE = "Invitations to the summer party"
FATES = (
    *((state, None, None) for state in State if state not in {State.BOUNCED, State.SUPPRESSED}),
    *((State.BOUNCED, cause, None) for cause in BounceCause),
    *((State.SUPPRESSED, None, reason_for(origin)) for origin in Origin),
)


@dataclass(frozen=True, slots=True)
class Pages:
    """The URLs of a page with every outcome, a masked one, an empty one, and one of a link that has ended."""

    full: str
    masked: str
    empty: str
    ended: str


@pytest.fixture
def pages(migrated_sqlite_url: str, redis_url: str) -> Iterator[Pages]:
    base = "http://127.0.0.1"
    with web_on(migrated_sqlite_url, redis_url, public_url=base) as web, served(web) as url:
        who = caller(web.gateway)
        for number, (state, cause, reason) in enumerate(FATES):
            domain = "gmial.com" if cause is BounceCause.DOMAIN_GONE else "a-rather-long-name-of-a-domain.example.net"
            email = submit(web.gateway, who, f"a.person.with.a.long.name.{number}@{domain}", actor="kim@example.com")
            change(web.gateway, "recipients", {"state": state, "cause": cause, "reason": reason}, email_id=email)

        def page(value: str, *, masked: bool = False) -> str:
            wish = LinkWish(kind=LinkKind.ACTOR, value=value, title=TITLE, masked=masked)
            return (web.gateway.reporting.outcome_links.create(who, wish).url or "").replace(base, url)

        yield Pages(
            page("kim@example.com"), page("kim@example.com", masked=True), page("none"), f"{url}/outcomes/ended"
        )


def test_every_page_can_be_used_by_everybody(browser: Browser, axe: Axe, pages: Pages) -> None:
    """Axe finds nothing, nothing is wider than the screen, and the browser blocks nothing."""
    for url, heading in (
        (pages.full, TITLE),
        (f"{pages.full}?outcome=not_sent", TITLE),
        (pages.masked, TITLE),
        (pages.empty, TITLE),
        (pages.ended, "This link does not work"),
    ):
        browser.complaints()
        browser.open(url)
        assert browser.shows(heading)
        assert [one for one in axe.faults(browser) if "404" not in str(one)] == []


def test_a_screen_reader_meets_a_table_on_every_screen(browser: Browser, pages: Pages) -> None:
    """Where the table is shown as cards it stays a table, with a header for each row."""
    for width in (320, 1280):
        browser.look(width)
        browser.open(pages.full)
        assert browser.roles("table") == {"table"}
        assert browser.roles("tbody th") == {"rowheader"}
        assert browser.roles("tbody td") <= {"cell", "gridcell"}
        assert browser.find("h2")[0].text == "In numbers"


def test_the_filter_works_with_the_keyboard_alone(browser: Browser, pages: Pages) -> None:
    """Tab to the choice, type its first letters, tab to the button, press Enter."""
    browser.look(1280)
    browser.open(pages.full)
    browser.press(TAB)
    assert browser.focused().label == "Which emails"
    browser.press(*"Not d", TAB, ENTER)
    until(lambda: browser.run("return location.search") == "?outcome=not_delivered" and browser.shows(TITLE))
    assert {one.text for one in browser.find(".kind")} == {"Not delivered"}
    assert browser.run("return document.querySelector('select').value") == "not_delivered"


def test_what_can_be_pressed_is_large_enough(browser: Browser, pages: Pages) -> None:
    """At least 44 pixels high on a phone (WCAG 2.2, 2.5.5), and links at least 24 (2.5.8)."""
    browser.look(320)
    browser.open(pages.full)
    heights = browser.run(
        "return [...document.querySelectorAll('select, button, nav a, .download')]"
        ".map((each) => each.getBoundingClientRect().height)"
    )
    assert len(heights) >= 3
    assert min(heights) >= 24
    assert min(heights[:2]) >= 44
