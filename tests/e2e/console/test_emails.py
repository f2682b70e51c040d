"""What a person does about emails in a browser: finds them, reads them, decides about those that are held."""

from typing import Any
from uuid import UUID

import pytest

from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from tests.support.browser.axe import Axe
from tests.support.browser.browser import ENTER, TAB, Browser
from tests.support.browser.page import Page
from tests.support.console.site import Site
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.gateway.unconfirmed import be_quiet, submit_in_silence
from tests.support.servers.cli import until


def sent_to(site: Site, address: str, **more: Any) -> UUID:
    """Have an application submit an email that waits to be sent."""
    return submit(site.web.gateway, caller(site.web.gateway), address, **more)


def held(site: Site, *to: str) -> list[UUID]:
    """Emails to which SES gave no answer, and that wait for a person."""
    gateway, who = site.web.gateway, caller(site.web.gateway)
    emails = submit_in_silence(gateway, site.web.mailer, who, *to, on_unconfirmed=OnUnconfirmed.HOLD)
    be_quiet(gateway)
    gateway.reconcile.sweep()
    assert {state_of(gateway, email) for email in emails} == {State.HELD}
    return emails


@pytest.mark.presses("console_emails.filter_emails", "console_email.cancel_email")
def test_an_email_is_found_and_canceled(site: Site, admin: Browser) -> None:
    """By a filter that keeps the address out of the URL."""
    email = sent_to(site, "ann@example.net")
    sent_to(site, "bob@example.net")
    page = site.open(admin, "/console/emails")
    page.write("To", "ann@example.net")
    page.send("Filter")
    assert "bob@example.net" not in page.text()
    assert "ann" not in admin.run("return location.href")
    page.send("You are invited")
    done = page.change("Cancel", "Cancel the email")
    assert done == "The email is canceled for everybody to whom it had not left."
    assert "State\ncanceled since" in page.text()
    assert state_of(site.web.gateway, email) is State.CANCELED


@pytest.mark.presses("console_email.send_failed_again", "console_email.suppress_recipient")
def test_a_failed_email_is_sent_again_and_its_recipient_suppressed(site: Site, admin: Browser) -> None:
    """The page offers what fits the state of the email."""
    email = sent_to(site, "gus@example.net")
    change(site.web.gateway, "recipients", {"state": State.FAILED, "reason": "Refused."}, email_id=email)
    page = site.open(admin, f"/console/emails/{email}")
    assert page.change("Send again").startswith("The email is sent again")
    assert state_of(site.web.gateway, email) is State.RETRY_WAIT
    assert page.change("Suppress this address", "Suppress").startswith("The address is suppressed.")
    assert [one["removed_at"] for one in rows(site.web.gateway, "suppressions", key="gus@example.net")] == [None]


@pytest.mark.presses("console_email.resend_held", "console_email.discard_held")
def test_a_held_email_is_decided_about_on_its_page(site: Site, admin: Browser) -> None:
    """Sent again, with the risk of a duplicate, or discarded."""
    again, never = held(site, "dora@example.net", "finn@example.net")
    page = site.open(admin, f"/console/emails/{again}")
    done = page.change("Send held email again", "Send again")
    assert done == "The email is sent again, marked as a possible duplicate."
    assert "possible duplicate" in page.text()
    page = site.open(admin, f"/console/emails/{never}")
    done = page.change("Discard held email", "Discard")
    assert done == "The held email is discarded. It will not be sent."
    assert "Send held email again" not in page.text()
    states = [state_of(site.web.gateway, email) for email in (again, never)]
    assert states == [State.RETRY_WAIT, State.CANCELED]


@pytest.mark.presses("console_held.filter_held", "console_held.decide_held")
def test_held_emails_are_narrowed_and_decided_about_together(site: Site, admin: Browser) -> None:
    """All of a page by one more click, which is there where scripts run."""
    emails = held(site, "hal.one@example.net", "hal.two@example.net")
    admin.look(1280, 1600)
    page = site.open(admin, "/console/held")
    page.choose("Application", "invites")
    page.write("To", "hal.one@example.net")
    page.send("Filter")
    assert "hal.two" not in page.text()
    page.send("Show all")
    page.tick("Choose all on this page")
    boxes = "return [...document.querySelectorAll('[name=recipient]')].map((box) => box.checked)"
    assert admin.run(boxes) == [True, True]
    page.tick("Choose all on this page")
    assert admin.run(boxes) == [False, False]
    page.tick("Choose all on this page")
    page.tick("Discard: it will not be sent")
    page.write("Reason", "They are too old.")
    page.send("Decide")
    assert page.done() == "It is done for those of the chosen emails that were still held."
    assert {state_of(site.web.gateway, email) for email in emails} == {State.CANCELED}


def reach(browser: Browser, label: str) -> None:
    """Press Tab until something with this name has the focus."""
    for _ in range(100):
        browser.press(TAB)
        if browser.focused().label.startswith(label):
            return
    raise AssertionError(f"{label} is not reached")


@pytest.mark.presses("console_held.decide_held")
def test_a_held_email_is_decided_about_with_the_keyboard_alone(site: Site, admin: Browser) -> None:
    """Tab to the email, choose it, choose what happens to it, say why, and press Enter."""
    other, email = held(site, "xaver@example.net", "eve@example.net")
    site.open(admin, "/console/held")
    reach(admin, "Choose the email to eve@example.net")
    admin.press(" ")
    reach(admin, "Send again")
    admin.press(" ")
    reach(admin, "Reason")
    admin.press(*"It never came.", ENTER)
    until(lambda: bool(admin.find(".done")))
    assert Page(admin).done() == "It is done for those of the chosen emails that were still held."
    states = [state_of(site.web.gateway, one) for one in (other, email)]
    assert states == [State.HELD, State.RETRY_WAIT]


def test_the_html_of_an_email_has_its_looks_and_no_origin(site: Site, admin: Browser) -> None:
    """Its styles apply. It has no origin, so no script of it could reach the console, and its policy loads nothing."""
    html = '<style>p { color: #00f; background: url(https://evil.example/a) }</style><p style="width: 7px">Hello</p>'
    email = site.web.submit(site.web.key(), html=html)
    admin.complaints()
    admin.open(f"{site.url}/console/emails/{email}/html")
    looks = "const {color, width} = getComputedStyle(document.querySelector('p')); return [color, width, origin]"
    assert admin.run(looks) == ["rgb(0, 0, 255)", "7px", "null"]
    blocked = [one for one in admin.complaints() if "evil.example" in one]
    assert blocked
    assert all("Content Security Policy" in one for one in blocked)


@pytest.mark.presses("console_outcomes.filter_outcomes")
def test_outcomes_are_narrowed_by_the_person_on_whose_behalf(site: Site, admin: Browser) -> None:
    """By a filter among those that are folded away."""
    sent_to(site, "ida@example.net", actor="user-7")
    sent_to(site, "jon@example.net", actor="user-8")
    page = site.open(admin, "/console/outcomes")
    page.unfold("More filters")
    page.write("Sent for (actor)", "user-7")
    page.send("Filter")
    assert "ida@example.net" in page.text()
    assert "jon@example.net" not in page.text()


@pytest.mark.presses("console_outcome_links.create_link", "console_outcome_links.revoke_link")
def test_a_link_to_outcomes_is_made_and_revoked(site: Site, admin: Browser, axe: Axe) -> None:
    """It opens a page for people without a sign-in, until it is revoked."""
    sent_to(site, "kai@example.net", actor="user-9")
    page = site.open(admin, "/console/outcome-links")
    page.change("Make a link", **{"Which one": "user-9"})
    assert axe.faults(admin) == []
    link = admin.find("#link")[0].text.replace("http://127.0.0.1", site.url)
    admin.open(link)
    assert "kai@example.net" in page.text()
    page = site.open(admin, "/console/outcome-links")
    assert page.change("Revoke", within="user-9").startswith("The link is revoked.")
    assert rows(site.web.gateway, "outcome_links")[0]["revoked_at"] is not None
