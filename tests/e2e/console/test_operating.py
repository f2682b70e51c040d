"""The overview and the pages of operators in a real browser: charts, what refreshes by itself, and axe."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from app.domain.account.findings import Finding, Group, Status
from app.domain.account.setup.plan import Action
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.operating.doctor.report import PlannedChange, Report
from app.store.engine.database import clock
from app.store.operating import incidents, job_cursors
from app.store.sending import circuits
from app.wiring.gateway import Gateway
from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import Browser, browsing
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.web import Web, web_on
from tests.support.servers.cli import until
from tests.support.servers.served import served

SCREENS = list(product((360, 1280), ("light", "dark")))
PAGES = ("/console", "/console/incidents", "/console/notifications?which=parked", "/console/account", "/console/audit")
FINDINGS = tuple(Finding(Group.HERE, f"check {status}", status, "Something `here`.", "do it") for status in Status)
PLAN = tuple(PlannedChange(action, "topic", f"postern-{action.name}", "for events") for action in Action)
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true })"


@dataclass(frozen=True, slots=True)
class Stage:
    """A browser of an operator, before a gateway with one of everything."""

    web: Web
    url: str
    browser: Browser

    def open(self, path: str) -> None:
        """Open a page."""
        self.browser.open(self.url + path)

    def text(self) -> str:
        """What the page shows."""
        return str(self.browser.run("return document.querySelector('main').innerText"))


@pytest.fixture
def stage(migrated_sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    with web_on(migrated_sqlite_url, redis_url) as web, served(web) as url, browsing(tmp_path) as browser:
        fill(web.gateway)
        _, token = web.gateway.users.users.create(ROOT, "olga", Role.OPERATOR)
        browser.open(f"{url}/console/sign-in/link/{token}")
        yield Stage(web, url, browser)


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Axe:
    return axe_core(tmp_path_factory.mktemp("axe"))


def fill(gateway: Gateway) -> None:
    """Have counts, an incident, a circuit, a paused lane and a report."""
    sent = [submit(gateway, caller(gateway), f"p{number}@gmail.com") for number in range(3)]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    for email, event in zip(sent, (delivery, bounce, complaint), strict=True):
        feed(gateway, event(gateway, email))
    gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="Wrong picture.")
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind="canary_missing", subject="events", detail="See `./postern doctor`.")
        circuits.trip(connection, "sender:shop.example", reason="It is not verified.")
        report = Report(at=clock(connection), findings=FINDINGS, plan=PLAN[:3], no_plan="")
        job_cursors.lock(connection, "doctor")
        job_cursors.write(connection, "doctor", report.to_json())


def test_every_page_is_accessible_on_every_screen(stage: Stage, axe: Axe) -> None:
    """With every form open: axe finds nothing, nothing is wider than the screen, and the policy blocks nothing."""
    for path, (width, scheme) in product(PAGES, SCREENS):
        stage.browser.look(width, scheme=scheme)
        stage.open(path)
        stage.browser.run(OPEN_ALL)
        assert axe.violations(stage.browser) == [], (path, width, scheme)
        assert stage.browser.run("return document.documentElement.scrollWidth") <= width, (path, width)
    assert stage.browser.complaints() == []


def test_the_overview_refreshes_without_a_flicker(stage: Stage) -> None:
    """What changed is replaced; the charts, and numbers that were opened, stay as they are."""
    stage.browser.look(1280)
    stage.open("/console")
    until(lambda: canvases(stage) == 5)
    stage.browser.run("document.querySelector('.plot canvas').dataset.kept = 'yes'")
    stage.browser.run("document.querySelector('section.chart button').click()")
    assert "Wrong picture." in stage.text()
    stage.web.gateway.pause_lanes.resume(ROOT, Lane.BULK)
    until(lambda: "Wrong picture." not in stage.text())
    assert stage.browser.run("return document.querySelector('.plot canvas').dataset.kept") == "yes"
    assert stage.browser.find("section.chart button")[0].text == "Hide the numbers"
    assert "By hour" in stage.text()


def test_the_numbers_of_a_chart_are_shown_on_request(stage: Stage) -> None:
    """The chart is drawn from the table, which takes its place where there is no script."""
    stage.open("/console")
    until(lambda: canvases(stage) == 5)
    hidden = "return getComputedStyle(document.querySelector('#counts-minute')).display"
    assert stage.browser.run(hidden) == "none"
    stage.browser.run("document.querySelector('section.chart button').click()")
    assert stage.browser.run(hidden) == "block"


def test_a_session_that_is_over_leads_to_the_sign_in(stage: Stage) -> None:
    """Instead of a sign-in in the middle of the overview."""
    stage.open("/console")
    stage.browser.ask("DELETE", "/cookie")
    stage.browser.run("htmx.trigger(document.querySelector('#now'), 'every')")
    until(lambda: stage.browser.shows("Sign in"))


def canvases(stage: Stage) -> Any:
    """How many charts are drawn."""
    return stage.browser.run("return document.querySelectorAll('.plot canvas').length")
