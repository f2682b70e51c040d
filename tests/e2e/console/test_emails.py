"""The console's pages of emails in a real browser: on phones and wide screens, light and dark, by axe."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from uuid import UUID

import pytest

from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.domain.users.roles import Role
from app.queue import Lane
from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import ENTER, TAB, Browser, browsing
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change
from tests.support.gateway.unconfirmed import be_quiet, submit_in_silence
from tests.support.gateway.web import Web, web_on
from tests.support.servers.cli import until
from tests.support.servers.served import served

SCREENS = [
    pytest.param(width, scheme, id=f"{width}-{scheme}") for width, scheme in product((320, 1280), ("light", "dark"))
]
LONG = "a.person.with.a.rather.long.name@a-rather-long-name-of-a-domain.example.net"


@dataclass(frozen=True, slots=True)
class Console:
    """A console with emails of every kind, the token that signs an operator in, and the most interesting email."""

    url: str
    token: str
    email: UUID

    @property
    def pages(self) -> tuple[tuple[str, str], ...]:
        """The path and the heading of each page."""
        email = f"/console/emails/{self.email}"
        return (
            ("/console/emails", "Emails"),
            ("/console/emails?state=held", "Emails"),
            (email, "Your invitation to the summer party of the rowing club"),
            (f"{email}/notifications", "Notifications about the email"),
            ("/console/outcomes", "Outcomes"),
            ("/console/outcome-links", "Links to outcomes"),
            ("/console/held", "Held emails"),
        )


def fill(web: Web) -> UUID:
    """Make emails of every kind, and return one that tells a long story."""
    who = caller(web.gateway)
    told = submit(
        web.gateway,
        who,
        f"Ann Ångström <{LONG}>",
        "bob@example.net",
        "cat@example.org",
        actor="kim@example.com",
        reference="Invitation 4711",
        tags=(("campaign", "summer"), ("kind", "invitation")),
    )
    for number in range(7):
        submit(web.gateway, who, f"guest{number}@example.org", stream="news" if number % 2 else None)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, delivery(web.gateway, told))
    feed(web.gateway, bounce(web.gateway, told))
    for state in (State.DELIVERED, State.COMPLAINED, State.EXPIRED):
        change(web.gateway, "recipients", {"state": state}, email_id=submit(web.gateway, who, f"{state}@example.net"))
    submit_in_silence(web.gateway, web.mailer, who, f"x.{LONG}", "eve@example.net", on_unconfirmed=OnUnconfirmed.HOLD)
    be_quiet(web.gateway)
    web.gateway.reconcile.sweep()
    change(web.gateway, "emails", {"subject": "Your invitation to the summer party of the rowing club"})
    return told


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Axe:
    return axe_core(tmp_path_factory.mktemp("axe"))


@pytest.fixture
def console(migrated_sqlite_url: str, redis_url: str) -> Iterator[Console]:
    with web_on(migrated_sqlite_url, redis_url) as web, served(web) as url:
        _, token = web.gateway.users.users.create(ROOT, "kim", Role.OPERATOR)
        yield Console(url, token, fill(web))


@pytest.mark.parametrize("width, scheme", SCREENS)
def test_every_page_can_be_used_by_everybody(
    browser: Browser, axe: Axe, console: Console, width: int, scheme: str
) -> None:
    """Axe finds nothing, nothing is wider than the screen, and the browser blocks nothing."""
    browser.look(width, 900, scheme=scheme)
    browser.open(f"{console.url}/console/sign-in/link/{console.token}")
    for path, heading in console.pages:
        browser.open(console.url + path)
        assert browser.find("h1")[0].text == heading
        assert browser.run("return document.documentElement.scrollWidth") <= width, path
        assert browser.complaints() == [], path
        assert axe.violations(browser) == [], path
        browser.complaints()  # axe asks the frame of an email, which has no script that could answer


def reach(browser: Browser, label: str) -> None:
    """Press Tab until something with this name has the focus."""
    for _ in range(100):
        browser.press(TAB)
        if browser.focused().label.startswith(label):
            return
    raise AssertionError(f"{label} is not reached")


def test_a_held_email_is_decided_about_with_the_keyboard_alone(browser: Browser, console: Console) -> None:
    """Tab to the email, choose it, choose what happens to it, say why, and press Enter."""
    browser.look(1280)
    browser.open(f"{console.url}/console/sign-in/link/{console.token}")
    browser.open(f"{console.url}/console/held")
    reach(browser, "Choose the email to eve@example.net")
    browser.press(" ")
    reach(browser, "Send again")
    browser.press(" ")
    reach(browser, "Reason")
    browser.press(*"It never came.", ENTER)
    until(lambda: bool(browser.find(".done")))
    assert browser.find(".done")[0].text == "It is done for those of the chosen emails that were still held."
    assert [one.text for one in browser.find("tbody bdi")][:1] == [f"x.{LONG}"]


def test_all_held_emails_of_a_page_are_chosen_at_once(browser: Browser, console: Console) -> None:
    """By one more key, which is there where scripts run."""
    browser.look(1280)
    browser.open(f"{console.url}/console/sign-in/link/{console.token}")
    browser.open(f"{console.url}/console/held")
    reach(browser, "Choose all")
    chosen = "return [...document.querySelectorAll('[name=recipient]')].map((box) => box.checked)"
    browser.press(" ")
    assert browser.run(chosen) == [True, True]
    browser.press(" ")
    assert browser.run(chosen) == [False, False]


def test_the_html_of_an_email_has_its_looks_and_no_origin(
    browser: Browser, migrated_sqlite_url: str, redis_url: str
) -> None:
    """Its styles apply. It has no origin, so no script of it could reach the console, and its policy loads nothing."""
    html = '<style>p { color: #00f; background: url(https://evil.example/a) }</style><p style="width: 7px">Hello</p>'
    with web_on(migrated_sqlite_url, redis_url) as web, served(web) as url:
        email = web.submit(web.key(), html=html)
        _, token = web.gateway.users.users.create(ROOT, "kim", Role.SUPPORT)
        browser.open(f"{url}/console/sign-in/link/{token}")
        browser.complaints()
        browser.open(f"{url}/console/emails/{email}/html")
        looks = "const {color, width} = getComputedStyle(document.querySelector('p')); return [color, width, origin]"
        assert browser.run(looks) == ["rgb(0, 0, 255)", "7px", "null"]
        blocked = [one for one in browser.complaints() if "evil.example" in one]
        assert blocked
        assert all("Content Security Policy" in one for one in blocked)
