"""What a person does about the suppression list, in a browser: one address, a domain, a review, a whole file."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from app.store.engine.database import clock
from tests.support.aws.notifications import bounced
from tests.support.aws.notifications import put as put_notifications
from tests.support.browser.axe import Axe
from tests.support.browser.browser import Browser
from tests.support.console.site import Site
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import everything_stored, rows
from tests.support.servers.cli import until
from tests.support.suppression.list_files import csv_of, put

FORCED: Final = "They asked for email again, and I can show it"


def live(site: Site) -> set[str]:
    """The addresses and domains that are suppressed now."""
    return {row["key"] for row in rows(site.web.gateway, "suppressions", removed_at=None)}


@pytest.mark.presses(
    "find.find_anything",
    "console_address.suppress_address",
    "console_address.unsuppress_address",
    "console_address.undo_removal",
)
def test_an_address_is_found_suppressed_unsuppressed_and_suppressed_again(site: Site, admin: Browser) -> None:
    """Its page says after each step whether an email would reach it."""
    page = site.open(admin, "/console")
    page.write("Find an address, a domain, or the id of an email", "ann@example.net")
    page.send("Find")
    assert page.heading() == "ann@example.net"
    assert page.change("Suppress", **{"Until the end of": "2099-12-31"}).startswith("It is suppressed:")
    [entry] = rows(site.web.gateway, "suppressions", key="ann@example.net")
    assert (entry["reason"], entry["expires_at"].year) == ("A test.", 2100)
    assert "until 1 Jan 2100" in page.text()
    assert page.change("Unsuppress").startswith("It is unsuppressed.")
    assert "No entry names it now." in page.text()
    assert "ann@example.net" not in live(site)
    assert page.change("Undo the last removal").startswith("The last removal is undone:")
    assert "ann@example.net" in live(site)


@pytest.mark.presses("console_address.unsuppress_address")
def test_who_complained_is_unsuppressed_only_by_one_more_click(site: Site, admin: Browser) -> None:
    """The browser asks for it before it sends the form."""
    put(site.web.gateway, {"key": "lee@example.net", "origin": "complaint"})
    page = site.open(admin, site.address("lee@example.net"))
    page.unfold("Unsuppress")
    page.write("Reason", "They wrote to us.")
    page.press("Unsuppress")
    assert page.done() == ""
    page.tick(FORCED)
    page.send("Unsuppress")
    assert page.done().startswith("It is unsuppressed.")
    assert "lee@example.net" not in live(site)


@pytest.mark.presses("console_address.suppress_address", "console_address.unsuppress_address")
def test_a_whole_domain_is_suppressed_and_unsuppressed(site: Site, admin: Browser) -> None:
    """From the page of one of its addresses."""
    page = site.open(admin, site.address("kim@gone.example"))
    page.send("Its domain")
    assert page.heading() == "@gone.example"
    page.change("Suppress")
    assert "No address of this domain gets email" in page.text()
    assert "@gone.example" in live(site)
    page.change("Unsuppress")
    assert "@gone.example" not in live(site)


@pytest.mark.presses("console_address.forget_person")
def test_a_person_is_forgotten_once_their_address_is_typed(site: Site, admin: Browser, axe: Axe) -> None:
    """Nothing names them any more, and no application sends to them again."""
    submit(site.web.gateway, caller(site.web.gateway), "dan@example.net")
    page = site.open(admin, site.address("dan@example.net"))
    page.unfold("Forget this person")
    page.write("Type the address to confirm", "dan@example.net")
    page.tick("No application may send to them again")
    page.write("Reason", "Request 7.")
    page.send("Forget this person")
    assert page.done().startswith("The person is forgotten:")
    assert axe.faults(admin) == []
    page = site.open(admin, "/console/suppressions")
    assert "A forgotten person" in page.text()
    assert "dan@example.net" not in everything_stored(site.web.gateway)


@pytest.mark.presses("console_suppressions.filter_suppressions")
def test_the_list_is_narrowed_by_a_filter(site: Site, admin: Browser) -> None:
    """What was typed stays in the form, and the URL names nobody."""
    put(site.web.gateway, {"key": "zed.one@example.net", "origin": "bounce"})
    page = site.open(admin, "/console/suppressions")
    page.write("Address begins with", "zed.")
    page.send("Filter")
    assert "1 entry" in page.text()
    assert admin.run("return document.querySelector('[name=begins]').value") == "zed."
    assert "zed" not in admin.run("return location.href")
    page.send("Clear")
    assert admin.run("return document.querySelector('[name=begins]').value") == ""


def burst(site: Site, domain: str) -> None:
    """Let addresses of a domain bounce at once, and open the review."""
    with site.web.gateway.database.reading() as connection:
        at = clock(connection) - timedelta(minutes=5)
    events = [bounced(f"r{one}@{domain}", message=f"{domain}-{one}", at=at) for one in range(20)]
    put_notifications(site.web.gateway, *map(json.dumps, events))
    site.web.gateway.settle.drain()
    site.web.gateway.reviews.sweep()


@pytest.mark.presses("console_reviews.confirm_review", "console_reviews.undo_review")
def test_reviews_are_decided_either_way(site: Site, admin: Browser) -> None:
    """With one reason and one click each."""
    burst(site, "gone.example.org")
    burst(site, "back.example.org")
    page = site.open(admin, "/console/reviews")
    page.write("Reason", "The owner says so.", within="gone.example.org")
    page.send("The mailboxes are gone: keep suppressed", within="gone.example.org")
    assert page.done() == "The addresses of the domain stay suppressed."
    page.write("Reason", "They erred.", within="back.example.org")
    page.send("Their server erred: unsuppress all", within="back.example.org")
    assert page.done().startswith("The addresses of the domain are unsuppressed.")
    assert "No domain waits." in page.text()
    assert {one.rpartition("@")[2] for one in live(site) if one.startswith("r1@")} == {"gone.example.org"}


HEAD: Final = ("email", "scope", "origin", "reason", "created_at")


def list_file(directory: Path, prefix: str, number: int = 30) -> Path:
    """Write a file with so many addresses, and one row that is none."""
    file = directory / "list.csv"
    people = ((f"{prefix}{one}@example.net", "*", "bounce", "", "") for one in range(number))
    file.write_bytes(csv_of(HEAD, *people, ("no address", "*", "bounce", "", "")))
    return file


@pytest.mark.presses("console_files.preview_import", "console_files.import_file")
def test_a_file_is_previewed_and_imported(
    site: Site, admin: Browser, axe: Axe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preview opens in the page, which keeps the file; then the progress is shown, and the result."""
    monkeypatch.setattr("app.services.suppression.files.import_list.BATCH", 10)
    monkeypatch.setattr("app.web.console.suppression.files._SHOW_EVERY_S", 0)
    page = site.open(admin, "/console/import")
    page.attach("File,", list_file(tmp_path, "p"))
    page.press("Preview")
    until(lambda: "Of 31 rows" in page.text())
    assert "p29@example.net" in page.text()
    assert axe.faults(admin) == []
    assert "p1@example.net" not in live(site)
    page.write("Reason", "We move here.")
    page.send("Import the file")
    assert page.done() == "The file is imported."
    assert [one.text for one in admin.find(".progress li")] == ["10 rows", "20 rows", "30 rows", "31 rows"]
    assert axe.faults(admin) == []
    assert {f"p{one}@example.net" for one in range(30)} <= live(site)


@pytest.mark.presses("console_files.download_verdicts")
def test_the_verdict_on_each_row_is_downloaded(site: Site, admin: Browser, tmp_path: Path) -> None:
    """It is a file, and the page stays as it is."""
    admin.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page = site.open(admin, "/console/import")
    page.attach("File,", list_file(tmp_path, "v"))
    page.press("Preview each row as CSV")
    # Chromium takes the name by an empty file before the download is complete.
    [file] = until(lambda: [file for file in tmp_path.glob("verdicts*.csv") if file.stat().st_size])
    assert "v29@example.net" in file.read_text(encoding="utf-8")
    assert page.heading() == "Import and export"
    assert "v1@example.net" not in live(site)
