"""The console in a browser that runs no script: a person signs in, looks around, and makes the changes that matter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.sending.state_machine import State
from app.domain.users.roles import Role
from tests.support.browser.browser import Browser
from tests.support.browser.page import Page
from tests.support.console.sign_ins import PASSWORD, with_password
from tests.support.console.site import Site
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.suppression.list_files import csv_of


@pytest.fixture(autouse=True)
def page(site: Site, browser: Browser) -> Iterator[Page]:
    """The first page of an operator."""
    name = f"olga-{len(rows(site.web.gateway, 'users'))}"
    with_password(site.web, name, Role.OPERATOR)
    browser.look(1280, 1600)
    browser.ask("DELETE", "/cookie")
    with browser.without_script():
        page = site.open(browser, "/console")
        assert page.heading() == "Sign in"
        page.write("Name", name)
        page.write("Password", PASSWORD)
        page.send("Sign in")
        yield page


@pytest.mark.presses("console_address.suppress_address", "console_address.unsuppress_address", "find.find_anything")
def test_an_address_is_found_suppressed_and_unsuppressed(site: Site, page: Page) -> None:
    """Forms that a button hides open without script too."""
    page.write("Find an address, a domain, or the id of an email", "ann@example.net")
    page.send("Find")
    assert page.change("Suppress").startswith("It is suppressed:")
    assert [one["removed_at"] for one in rows(site.web.gateway, "suppressions", key="ann@example.net")] == [None]
    assert page.change("Unsuppress").startswith("It is unsuppressed.")
    assert rows(site.web.gateway, "suppressions", key="ann@example.net", removed_at=None) == []


@pytest.mark.presses("console_held.decide_held")
def test_held_emails_are_decided_about(site: Site, page: Page) -> None:
    """Each is chosen by itself; the box that chooses all of them needs a script, and is not there."""
    gateway = site.web.gateway
    emails = [submit(gateway, caller(gateway), f"{name}@example.net") for name in ("eve", "mia")]
    change(gateway, "recipients", {"state": State.HELD})
    page.send("Held emails")
    assert "Choose all" not in page.text()
    page.tick("Choose the email to eve@example.net")
    page.tick("Discard: it will not be sent")
    page.write("Reason", "It is too old.")
    page.send("Decide")
    assert page.done() == "It is done for those of the chosen emails that were still held."
    assert [state_of(gateway, email) for email in emails] == [State.CANCELED, State.HELD]


@pytest.mark.presses("console_files.preview_import", "console_files.import_file")
def test_a_file_is_previewed_and_imported(site: Site, page: Page, tmp_path: Path) -> None:
    """The file has to be chosen once more, and the page says so."""
    file = tmp_path / "list.csv"
    file.write_bytes(csv_of(("email", "origin"), ("kim@example.net", "bounce"), ("no address", "bounce")))
    page.send("Import and export")
    page.attach("File,", file)
    page.send("Preview")
    assert "Of 2 rows" in page.text()
    assert "choose it again" in page.text()
    page.attach("File,", file)
    page.write("Reason", "We move here.")
    page.send("Import the file")
    assert page.done() == "The file is imported."
    assert len(rows(site.web.gateway, "suppressions", key="kim@example.net", removed_at=None)) == 1


@pytest.mark.presses("sign_in.sign_in_with_password", "sign_in.sign_out")
def test_a_person_signs_in_looks_around_and_signs_out(page: Page) -> None:
    """The overview shows its numbers as tables, and refreshes by a link; the menu is there on a phone."""
    assert page.heading() == "Overview"
    assert "By hour" in page.text()
    page.send("Refresh")
    page.browser.look(360)
    page.press("Menu")
    page.send("Audit")
    assert page.heading() == "Audit"
    page.press("Menu")
    page.send("Sign out")
    assert page.heading() == "Sign in"
