"""What an administrator does about applications, their keys, streams and webhooks, in a browser."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.services.paging import PageByName
from tests.support.browser.axe import Axe
from tests.support.browser.browser import Browser
from tests.support.console.site import Site
from tests.support.gateway.emails import ROOT, bounce, feed
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.servers.cli import until
from tests.support.webhooks.endpoints import REFUSED, scripted, sent_to, subscribe


@pytest.fixture(scope="module", autouse=True)
def _app(site: Site) -> None:
    """An application that the tests change, and one to which they come back."""
    for name in ("invites", "shop"):
        caller(site.web.gateway, app=name)


@pytest.mark.presses("console_apps.create_app", "console_app.change_app")
def test_an_application_is_created_and_changed(site: Site, admin: Browser) -> None:
    """The list leads to it; its page shows what was saved."""
    page = site.open(admin, "/console/apps")
    done = page.change("New application", "Create", Name="news-letters", Senders="@example.org")
    assert done.startswith("The application was created.")
    assert page.heading() == "news-letters active"
    page.unfold("Change settings")
    page.choose("Lane", "bulk")
    page.write("Recipients a day", "5000")
    page.write("Reason", "As agreed.")
    page.send("Save")
    assert page.done().startswith("The settings were saved.")
    assert "5,000 a day" in page.text()
    app = site.web.gateway.apps.find(ROOT, "news-letters")
    assert (app.senders, app.default_lane, app.emails_per_day) == (("@example.org",), Lane.BULK, 5000)


@pytest.mark.presses("console_app.archive_app", "console_app.unarchive_app")
def test_an_application_is_archived_and_unarchived(site: Site, admin: Browser) -> None:
    """In between its page offers no key."""
    page = site.open(admin, "/console/apps/shop")
    assert page.change("Archive").startswith("The application is archived.")
    assert "archived" in page.heading()
    assert "Issue a key" not in page.text()
    assert page.change("Unarchive").startswith("The application is no longer archived.")
    assert site.web.gateway.apps.find(ROOT, "shop").archived_at is None


@pytest.mark.presses("console_keys.issue_key", "console_keys.rotate_key", "console_keys.revoke_key")
def test_a_key_is_issued_replaced_and_revoked(site: Site, admin: Browser, axe: Axe) -> None:
    """Each new key is shown once, and works."""
    page = site.open(admin, "/console/apps/shop")
    page.change("Issue a key", "Issue", Name="checkout")
    assert page.heading() == "New key of shop"
    assert axe.faults(admin) == []
    first = admin.find("#secret")[0].text
    page.send("Back to shop")
    page.change("Replace", within="checkout")
    second = admin.find("#secret")[0].text
    assert second != first
    page.send("Back to shop")
    page.change("Revoke", within="replaced by")
    assert page.done().startswith("The key was revoked.")
    answers = [accepts(site, token) for token in (first, second)]
    assert answers == [False, True]


def accepts(site: Site, token: str) -> bool:
    answer = site.web.client.get("/v1/emails", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


@pytest.mark.presses("console_budgets.change_budget", "console_budgets.reset_budget", "console_budgets.resume_app")
def test_a_paused_application_goes_on_and_its_budget_is_set(site: Site, admin: Browser, axe: Axe) -> None:
    """The page says why it was paused, and what its lines are."""
    gateway, who = site.web.gateway, caller(site.web.gateway, app="invites")
    gateway.budgets.set(ROOT, "invites", {"minimum": 3, "warn_bounces": 0.1, "pause_bounces": 0.2})
    for email in sent_to(gateway, who, *(f"p{number}@example.net" for number in range(4))):
        feed(gateway, bounce(gateway, email))
    gateway.upkeep.run(Sweep.BUDGETS)
    page = site.open(admin, "/console/apps/invites")
    assert "Paused: bulk." in page.text()
    assert axe.faults(admin) == []
    assert page.change("Resume", reason="The list is clean.").startswith("The application was resumed")
    assert "Paused" not in page.text()
    done = page.change("Change the lines", "Save", **{"Bounces: first line, %": "2.5", "Bounces: second line, %": "4"})
    assert done.startswith("The lines were saved.")
    assert "first line 2.5 %, second 4 %" in page.text()
    assert page.change("Default lines").startswith("The budget has the default lines.")
    assert "first line 2.5 %" not in page.text()


@pytest.mark.presses("console_streams.set_stream")
def test_a_stream_gets_a_title_and_another_one(site: Site, admin: Browser) -> None:
    """From the form below the list, and then from its row."""
    page = site.open(admin, "/console/apps/shop")
    done = page.change("Set a stream", "Save", Stream="news", **{"Title for readers": "News of the shop"})
    assert done == "The stream was saved."
    page.change("Change stream news", "Save", within="News of the shop", **{"Title for readers": "Offers"})
    shown = site.web.gateway.streams.page(ROOT, "shop", PageByName(limit=5)).data
    assert [(one.name, one.title) for one in shown] == [("news", "Offers")]


def endpoint_of(site: Site, name: str, *events: str) -> UUID:
    """Add an endpoint of an application of its own."""
    who = caller(site.web.gateway, app=name)
    return subscribe(
        site.web.gateway, who, *(events or ("email.sent",)), url=f"https://{name}.example.net/"
    ).endpoint.id


@pytest.mark.presses(
    "console_endpoint.add_endpoint",
    "console_endpoint.change_endpoint",
    "console_endpoint.rotate_secret",
    "console_endpoint.disable_endpoint",
    "console_endpoint.enable_endpoint",
    "console_endpoint.delete_endpoint",
)
def test_an_endpoint_is_added_changed_and_deleted(site: Site, admin: Browser, axe: Axe) -> None:
    """Its secret is shown once when it is added, and once when there is a new one."""
    page = site.open(admin, "/console/apps/shop")
    page.unfold("Add an endpoint")
    page.write("URL", "https://hooks.example.net/in")
    page.tick("email.sent")
    page.write("Reason", "For the CRM.")
    page.send("Add")
    secret = admin.find("#secret")[0].text
    assert secret.startswith("whsec_")
    assert axe.faults(admin) == []
    page.send("Back to the endpoint")
    assert page.change("Change", "Save", Description="The CRM") == "The endpoint was changed."
    endpoint = rows(site.web.gateway, "webhook_endpoints", url="https://hooks.example.net/in")[0]["id"]
    found = site.web.gateway.webhooks.endpoints.find(ROOT, endpoint)
    assert (found.description, "email.sent" in found.events) == ("The CRM", True)
    page.change("New secret")
    assert admin.find("#secret")[0].text != secret
    page.send("Back to the endpoint")
    assert page.change("Disable").startswith("The endpoint is disabled.")
    assert "Disabled since" in page.text()
    assert page.change("Enable").startswith("The endpoint is enabled.")
    assert site.web.gateway.webhooks.endpoints.find(ROOT, endpoint).disabled_at is None
    assert page.change("Delete") == "The endpoint was deleted."
    assert page.heading() == "shop active"
    assert "hooks.example.net" not in page.text()


@pytest.mark.presses("console_endpoint.test_endpoint")
def test_a_test_event_shows_its_answer_by_itself(site: Site, admin: Browser) -> None:
    """The page is not reloaded: a form that is open, with what was typed, stays open."""
    endpoint = endpoint_of(site, "tested")
    with admin.in_a_hurry():
        page = site.open(admin, f"/console/webhooks/{endpoint}")
        page.change("Send a test event", "Send")
        assert "It was not sent yet" in page.text()
        page.unfold("Replay")
        page.write("Reason", "Typed.")
        scripted(site.web.gateway)
        site.web.gateway.webhooks.deliver.drain()
        until(lambda: "delivered" in page.heading())
    assert "It answered 200." in page.text()
    assert admin.run("return document.querySelector('input[name=reason]').value") == "Typed."
    assert admin.run("return document.querySelector('#delivery').hasAttribute('hx-get')") is False


@pytest.fixture
def failing(site: Site) -> Iterator[UUID]:
    """An endpoint of its own application, at which three deliveries have failed."""
    gateway, name = site.web.gateway, f"failing-{len(rows(site.web.gateway, 'apps'))}"
    endpoint = endpoint_of(site, name)
    scripted(gateway, lambda _: REFUSED)
    sent_to(gateway, caller(gateway, app=name), *(f"h{number}@example.net" for number in range(3)))
    gateway.webhooks.deliver.drain()
    change(gateway, "webhook_deliveries", {"state": "failed"}, endpoint_id=endpoint)
    yield endpoint
    site.web.gateway.webhooks.endpoints.delete(ROOT, endpoint)


def states(site: Site, endpoint: UUID) -> list[str]:
    return [one["state"] for one in rows(site.web.gateway, "webhook_deliveries", endpoint_id=endpoint)]


@pytest.mark.presses("console_deliveries.replay_delivery", "console_deliveries.replay_period")
def test_an_endpoint_gets_once_more_what_it_has_not_taken(site: Site, admin: Browser, failing: UUID) -> None:
    """One event, and then those of a period."""
    page = site.open(admin, f"/console/webhooks/{failing}?state=failed")
    admin.run("document.querySelector('tbody th a').click()")
    until(lambda: page.heading() == "email.sent failed")
    assert page.change("Replay").startswith("The event is sent once more")
    assert sorted(states(site, failing)) == ["failed", "failed", "waiting"]
    page = site.open(admin, f"/console/webhooks/{failing}")
    done = page.change("Replay a period", "Replay", From="2026-01-01", **{"To the end of": "2099-12-31"})
    assert done.startswith("The events of the period wait")
    assert states(site, failing) == ["waiting"] * 3


@pytest.mark.presses(
    "console_failed_deliveries.replay_failed_delivery", "console_failed_deliveries.replay_failed_deliveries"
)
def test_what_failed_is_replayed_from_the_list_of_all(site: Site, admin: Browser, failing: UUID) -> None:
    """One event of its row, and all of an endpoint, in the period that the page proposes."""
    page = site.open(admin, "/console/failed-deliveries")
    admin.run("document.querySelector('td details summary').click()")
    page.write("Reason", "Mended.", within="email.sent")
    page.send("Replay", within="email.sent")
    assert page.done().startswith("The event is sent once more")
    admin.run("document.querySelector('.by-endpoint summary').click()")
    page.write("Reason", "Mended.")
    page.send("Replay")
    assert page.done().startswith("What failed at this endpoint")
    assert "Nothing has failed." in page.text()
    assert states(site, failing) == ["waiting"] * 3
