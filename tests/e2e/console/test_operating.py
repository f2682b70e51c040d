"""The overview and the pages of operators in a browser: charts, what refreshes by itself, and what they decide."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.users.roles import Role
from app.queue import Lane
from app.store.feedback import refused_messages
from app.store.feedback.refused_messages import NewRefused
from app.store.operating import incidents
from tests.support.aws.notifications import put
from tests.support.browser.browser import Browser
from tests.support.browser.page import Page
from tests.support.console.site import Site
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import rows
from tests.support.servers.cli import until


@pytest.fixture(scope="module", autouse=True)
def _counts(site: Site) -> None:
    """Something to count, for the charts."""
    for number in range(3):
        submit(site.web.gateway, caller(site.web.gateway), f"p{number}@gmail.com")


@pytest.fixture
def hurried(admin: Browser) -> Iterator[Browser]:
    with admin.in_a_hurry():
        yield admin


def test_the_overview_refreshes_without_a_flicker(site: Site, hurried: Browser) -> None:
    """What changed is replaced; the charts, and numbers that were opened, stay as they are."""
    site.web.gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="Wrong picture.")
    page = site.open(hurried, "/console")
    until(lambda: canvases(hurried) == 5)
    hurried.run("document.querySelector('.plot canvas').dataset.kept = 'yes'")
    hurried.run("document.querySelector('section.chart button').click()")
    assert "Wrong picture." in page.text()
    site.web.gateway.pause_lanes.resume(ROOT, Lane.BULK)
    until(lambda: "Wrong picture." not in page.text())
    assert hurried.run("return document.querySelector('.plot canvas').dataset.kept") == "yes"
    assert hurried.find("section.chart button")[0].text == "Hide the numbers"
    assert "By hour" in page.text()


def test_the_numbers_of_a_chart_are_shown_on_request(site: Site, admin: Browser) -> None:
    """The chart is drawn from the table, which takes its place where there is no script."""
    site.open(admin, "/console")
    until(lambda: canvases(admin) == 5)
    hidden = "return getComputedStyle(document.querySelector('#counts-minute')).display"
    assert admin.run(hidden) == "none"
    admin.run("document.querySelector('section.chart button').click()")
    assert admin.run(hidden) == "block"


def canvases(browser: Browser) -> Any:
    """How many charts are drawn."""
    return browser.run("return document.querySelectorAll('.plot canvas').length")


@pytest.mark.presses("console_lanes.pause_lane", "console_lanes.resume_lane")
def test_a_lane_is_paused_and_resumed(site: Site, admin: Browser) -> None:
    """The page says what waits and why, until somebody resumes it."""
    page = site.open(admin, "/console/incidents")
    done = page.change("Pause the lane bulk", "Pause", reason="A wrong picture.")
    assert done.startswith("The lane is paused:")
    assert "A wrong picture." in page.text()
    assert [one["scope"] for one in rows(site.web.gateway, "circuits")] == ["lane:bulk"]
    assert page.change("Resume") == "The lane is sending again."
    assert "Nothing. Every lane sends." in page.text()
    assert rows(site.web.gateway, "circuits") == []


@pytest.mark.presses("console_incidents.close_incident")
def test_an_incident_is_closed(site: Site, admin: Browser) -> None:
    """It moves to the list of the closed ones."""
    with site.web.gateway.database.transaction() as connection:
        incidents.note(connection, kind="canary_missing", subject="events", detail="See `./postern doctor`.")
    page = site.open(admin, "/console/incidents")
    assert page.change("Close", within="See ./postern doctor.").startswith("Closed.")
    assert "No open incident." in page.text()
    page.send("Show the closed ones")
    assert "See ./postern doctor." in page.text()


def set_aside(site: Site, number: int) -> None:
    """Have notifications that cannot be read."""
    put(site.web.gateway, *["no JSON"] * number)
    site.web.gateway.settle.drain()


def inbox(site: Site) -> list[str]:
    return [one["state"] for one in rows(site.web.gateway, "feedback_inbox")]


@pytest.mark.presses("console_notifications.retry_notification", "console_notifications.retry_all")
def test_notifications_are_read_again(site: Site, admin: Browser) -> None:
    """One of them from its page, and all of a list."""
    set_aside(site, 3)
    page = site.open(admin, "/console/notifications")
    admin.run("document.querySelector('tbody a').click()")
    until(lambda: page.heading() == "Notification")
    assert page.change("Read again", reason="Updated.").startswith("It is read again")
    assert page.change("Read all again", reason="Updated.").startswith("All of them are read again")
    assert "No notification is set aside." in page.text()
    site.web.gateway.settle.drain()
    page = site.open(admin, "/console/notifications")
    assert len(admin.find("tbody tr")) == 3


@pytest.mark.presses("console_notifications.retry_refused", "console_notifications.retry_all")
def test_refused_messages_are_judged_again(site: Site, admin: Browser) -> None:
    """What is still not authentic stays on the list."""
    forged = NewRefused(queue="events", message_id="one", reason="signature", detail="Forged.", body="{}", sent_at=None)
    with site.web.gateway.database.transaction() as connection:
        refused_messages.add(connection, [forged])
    page = site.open(admin, "/console/notifications?which=refused")
    admin.run("document.querySelector('tbody a').click()")
    until(lambda: page.heading() == "Refused message")
    assert page.change("Judge again", reason="Topic added.").startswith("It was judged again.")
    assert page.change("Read all again", reason="Topic added.").startswith("All of them")
    assert len(admin.find("tbody tr")) == 1


@pytest.mark.presses("console_account.look_at_account")
def test_somebody_looks_at_the_aws_account(site: Site, admin: Browser) -> None:
    """What was found stands on the page, for everybody."""
    page = site.open(admin, "/console/account")
    assert "Nobody has looked yet." in page.text()
    page.send("Look now")
    assert page.done().startswith("This is what was found just now.")
    assert "Looked at" in page.text()


@pytest.mark.presses("console_audit.search_audit")
def test_the_audit_is_searched(site: Site, admin: Browser) -> None:
    """By what was done; the reasons that people gave are there."""
    site.web.gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="A reason to find.")
    site.web.gateway.pause_lanes.resume(ROOT, Lane.BULK, reason="Another reason.")
    page = site.open(admin, "/console/audit")
    page.write("Action", "pause")
    page.write("From", "2026-01-01")
    page.send("Filter")
    assert "A reason to find." in page.text()
    assert "Another reason." not in page.text()


def test_a_session_that_is_over_leads_to_the_sign_in(site: Site, browser: Browser) -> None:
    """Instead of a sign-in in the middle of the overview."""
    browser.open(site.link(Role.OPERATOR, "olga"))
    with browser.in_a_hurry():
        site.open(browser, "/console")
        browser.ask("DELETE", "/cookie")
        until(lambda: browser.shows("Sign in"))
    assert Page(browser).heading() == "Sign in"
