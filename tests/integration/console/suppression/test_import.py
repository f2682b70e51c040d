"""Import and export in the console: a preview that changes nothing, the import of what was previewed, its progress."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on
from tests.support.suppression.list_files import csv_of, put

HEAD = ("email", "scope", "origin", "reason", "created_at")
FILE = csv_of(
    HEAD,
    ("ann@example.net", "*", "bounce", "Gone.", "2026-03-04T00:00:00Z"),
    ("bob@example.net", "shop/news", "unsubscribe", "", ""),
    ("no address", "*", "bounce", "", ""),
)
ATTACK = "<script>alert(1)</script>"
WHY = "We move from another vendor."


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def send(person: Person, path: str, file: bytes = FILE, **fields: str) -> TestResponse:
    """Send the form of the import with a file, as a browser does."""
    form: dict[str, str | tuple[str, bytes]] = {"form_secret": person.secret(), "file": ("list.csv", file), **fields}
    body, kind = encode_multipart_formdata(form)
    return person.client.post(f"/console/import{path}", data=body, content_type=kind)


def previewed(person: Person, file: bytes = FILE, **fields: str) -> str:
    """Preview a file, and return what the form of the page repeats for its import."""
    answer = send(person, "/preview", file, **fields)
    assert answer.status_code == 200, answer.text
    found = re.search(r'name="digest" value="(\w+)"', answer.text)
    assert found is not None
    return found[1]


def live(web: Web) -> list[str]:
    return sorted(row["key"] for row in rows(web.gateway, "suppressions", removed_at=None))


def test_a_preview_shows_each_row_and_changes_nothing(web: Web) -> None:
    """How many rows get which verdict, and for the first of them the line, the address and the reason."""
    page = unescape(send(signed_in(web, Role.SUPPORT), "/preview").text)
    assert "Of 3 rows:" in page
    assert "ann@example.net" in page
    assert "refused" in page
    assert "Import the file" in page
    assert live(web) == []
    assert rows(web.gateway, "audit", action="import") == []


def test_what_was_previewed_is_imported_with_a_reason(web: Web) -> None:
    """The page shows the result and the rows that were refused; the audit has the person and the reason."""
    person = signed_in(web, Role.SUPPORT, name="sam")
    page = send(person, "", reason=WHY, digest=previewed(person)).text
    assert "The file is imported." in page
    assert "Rows that were refused" in page
    assert page.rstrip().endswith("</html>")
    assert live(web) == ["ann@example.net", "bob@example.net"]
    noted = {(row["action"], row["actor"], row["reason"]) for row in rows(web.gateway, "audit")}
    assert {("import", "user:sam", WHY), ("imported", "user:sam", WHY)} <= noted


@pytest.mark.parametrize("file, fields", [(FILE + b"\r\n", {}), (FILE, {"fresh": "true"}), (FILE, {"scope": "shop"})])
def test_nothing_but_the_preview_is_imported(web: Web, file: bytes, fields: dict[str, str]) -> None:
    """Another file, or the same with other options, has to be previewed first."""
    person = signed_in(web, Role.SUPPORT)
    answer = send(person, "", file, reason=WHY, digest=previewed(person), **fields)
    assert answer.status_code == 409
    assert "This is its preview." in answer.text
    assert live(web) == []


def test_the_progress_is_written_while_the_import_runs(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch by batch: when the first line is there, the rows after it are not on the list yet."""
    monkeypatch.setattr("app.services.suppression.files.import_list.BATCH", 10)
    monkeypatch.setattr("app.web.console.suppression.files._SHOW_EVERY_S", 0)
    file = csv_of(HEAD, *((f"p{number}@example.net", "*", "bounce", "", "") for number in range(30)))
    person = signed_in(web, Role.SUPPORT)
    answer = send(person, "", file, reason=WHY, digest=previewed(person, file))
    pieces = answer.iter_encoded()
    assert b"<h1>Import</h1>" in next(pieces)
    assert next(pieces) == b"<li>10 rows</li>\n"
    assert len(live(web)) == 10
    assert b"The file is imported." in b"".join(pieces)
    assert len(live(web)) == 30


def test_a_file_that_becomes_unreadable_says_what_was_done(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preview shows it first, and offers no import."""
    broken = FILE + b'"no end'
    person = signed_in(web, Role.SUPPORT)
    answer = send(person, "/preview", broken)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "Import the file" not in answer.text
    monkeypatch.setattr("app.web.console.suppression.files.ImportForm.digest_of", lambda *_: "same")
    done = send(person, "", broken, reason=WHY, digest="same").text
    assert "are done, and none after it" in done
    assert done.rstrip().endswith("</html>")
    assert "The file is imported." not in done


def test_the_verdict_on_each_row_is_a_file(web: Web) -> None:
    """A line for each row of the file, without changing anything."""
    answer = send(signed_in(web, Role.SUPPORT), "/verdicts")
    lines = answer.text.splitlines()
    assert answer.mimetype == "text/csv"
    assert lines[0] == "line,verdict,rule,detail,address"
    assert lines[1] == "2,added,,,ann@example.net"
    assert lines[3].startswith("4,refused,")
    assert len(lines) == 4
    assert live(web) == []


def test_a_whole_domain_is_imported_by_operators_alone(web: Web) -> None:
    """As on the page of the domain."""
    file = csv_of(HEAD, ("@example.org", "*", "manual", "", ""))
    for role, found in ((Role.SUPPORT, []), (Role.OPERATOR, ["@example.org"])):
        person = signed_in(web, role)
        assert "Of 1 row" in send(person, "", file, reason=WHY, digest=previewed(person, file)).text
        assert live(web) == found


@pytest.mark.parametrize("path", ["/preview", "/verdicts", ""])
def test_a_file_has_to_be_chosen(web: Web, path: str) -> None:
    """Nothing and an empty file are refused with a sentence."""
    person = signed_in(web, Role.SUPPORT)
    for answer in (send(person, path, b"", reason=WHY, digest="x"), person.post(f"/console/import{path}", reason=WHY)):
        assert answer.status_code == 422
    assert "Choose a file" in send(person, path, b"", reason=WHY, digest="x").text


def test_a_file_is_bounded(web: Web, migrated_url: str, redis_url: str) -> None:
    """By the longest body of the gateway; a form without a file is far shorter."""
    with web_on(migrated_url, redis_url, max_body_bytes=200_000) as small:
        person = signed_in(small, Role.SUPPORT, name="sam")
        assert send(person, "/preview", FILE * 3_000).status_code == 413
    other = signed_in(web, Role.SUPPORT, name="kim")
    assert other.post("/console/find", text="x" * 150_000).status_code == 413


def test_a_file_is_never_on_the_disk(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Werkzeug would write a large one there, and it holds addresses."""
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", None)
    file = csv_of(HEAD, *((f"p{number}@example.net", "*", "bounce", "x" * 1_000, "") for number in range(600)))
    assert "Of 600 rows:" in send(signed_in(web, Role.SUPPORT), "/preview", file).text


def test_what_a_file_says_is_text(web: Web) -> None:
    """The names in it come from anywhere."""
    file = csv_of(HEAD, (f'"{ATTACK}"@example.net', "*", "bounce", ATTACK, ""))
    page = send(signed_in(web, Role.SUPPORT), "/preview", file).text
    assert ATTACK not in page


def test_the_export_can_be_imported_again(web: Web) -> None:
    """It is the export of the API: the same entries in the same columns."""
    put(web.gateway, {"key": "ann@example.net", "origin": "bounce"})
    answer = signed_in(web, Role.SUPPORT).get("/console/export")
    exported = "".join(piece.text for piece in web.gateway.export_list(ROOT))
    assert answer.text == exported
    assert "attachment" in answer.headers["Content-Disposition"]


def test_a_viewer_can_neither_import_nor_export(web: Web) -> None:
    """Both show addresses."""
    viewer = signed_in(web, Role.VIEWER)
    assert viewer.get("/console/import").status_code == 403
    assert viewer.get("/console/export").status_code == 403
    assert send(viewer, "/preview").status_code == 403
