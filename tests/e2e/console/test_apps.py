"""The pages of applications and webhooks in a real browser: phones and wide screens, light and dark, by axe."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from app.queue import Lane
from app.services.operating.upkeep import Sweep
from tests.support.browser.axe import Axe, axe_core
from tests.support.browser.browser import Browser, browsing
from tests.support.console.people import signed_in
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import Web, web_on
from tests.support.servers.cli import until
from tests.support.servers.served import served
from tests.support.webhooks.endpoints import REFUSED, scripted, subscribe

SCREENS = list(product((360, 1280), ("light", "dark")))
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true })"


@dataclass(frozen=True, slots=True)
class Stage:
    """A browser of an administrator, and an application with one of everything."""

    web: Web
    url: str
    browser: Browser
    endpoint: str
    failed: str


@pytest.fixture
def stage(migrated_sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    with web_on(migrated_sqlite_url, redis_url) as web, served(web) as url, browsing(tmp_path) as browser:
        who = caller(web.gateway, app="invites")
        scripted(web.gateway, lambda _: REFUSED)
        web.gateway.budgets.set(ROOT, "invites", {"minimum": 3, "warn_bounces": 0.1, "pause_bounces": 0.2})
        web.gateway.streams.set(ROOT, "invites", "news", title="News")
        revoked = web.gateway.issue_keys.add(ROOT, "invites", name="old", scopes=frozenset())
        web.gateway.issue_keys.revoke(ROOT, revoked.key.public_id)
        address = "https://hooks.example.net/a-long-path/of-the-receiver/of-events?of=an-application"
        endpoint = subscribe(web.gateway, who, "email.sent", url=address).endpoint.id
        emails = [submit(web.gateway, who, f"p{number}@example.net") for number in range(4)]
        web.gateway.deliver.drain(Lane.TRANSACTIONAL)
        for one in emails:
            feed(web.gateway, bounce(web.gateway, one))
        web.gateway.webhooks.deliver.drain()
        failed = rows(web.gateway, "webhook_deliveries")[0]["id"]
        change(web.gateway, "webhook_deliveries", {"state": "failed"}, id=failed)
        cookie = signed_in(web).client.get_cookie("postern_session")
        assert cookie is not None
        browser.open(f"{url}/console/sign-in")
        given = {"name": cookie.key, "value": cookie.value, "path": "/", "httpOnly": True}
        browser.ask("POST", "/cookie", {"cookie": given})
        yield Stage(web, url, browser, str(endpoint), str(failed))


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Axe:
    return axe_core(tmp_path_factory.mktemp("axe"))


def test_every_page_is_accessible_on_every_screen(stage: Stage, axe: Axe) -> None:
    """With every form open: axe finds nothing, nothing is wider than the screen, and the policy blocks nothing."""
    stage.web.gateway.upkeep.run(Sweep.BUDGETS)
    hook = f"/console/webhooks/{stage.endpoint}"
    for path in (
        *("/console/apps", "/console/apps/invites", hook),
        *(f"{hook}/deliveries/{stage.failed}", "/console/failed-deliveries"),
    ):
        for width, scheme in SCREENS:
            stage.browser.look(width, scheme=scheme)
            stage.browser.open(f"{stage.url}{path}")
            stage.browser.run(OPEN_ALL)
            assert axe.violations(stage.browser) == [], (path, width, scheme)
            assert stage.browser.run("return document.documentElement.scrollWidth") <= width, (path, width)
    assert stage.browser.complaints() == []


def test_a_delivery_that_waits_shows_its_answer_by_itself(stage: Stage) -> None:
    """The page is not reloaded: a form that is open, with what was typed, stays open."""
    delivery = stage.web.gateway.webhooks.endpoints.test(ROOT, rows(stage.web.gateway, "webhook_endpoints")[0]["id"])
    stage.browser.open(f"{stage.url}/console/webhooks/{stage.endpoint}/deliveries/{delivery}")
    assert "It was not sent yet" in stage.browser.find("main")[0].text
    stage.browser.run(OPEN_ALL)
    stage.browser.run("document.querySelector('input[name=reason]').value = 'Typed.'")
    scripted(stage.web.gateway)
    stage.web.gateway.webhooks.deliver.drain()
    until(lambda: "delivered" in stage.browser.find("h1")[0].text)
    assert "It answered 200." in stage.browser.find("main")[0].text
    assert stage.browser.run("return document.querySelector('input[name=reason]').value") == "Typed."
    assert stage.browser.run("return document.querySelector('#delivery').hasAttribute('hx-get')") is False
