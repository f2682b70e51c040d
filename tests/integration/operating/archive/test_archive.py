"""Old emails are moved to files: nothing is lost, nothing is written twice, nothing that is needed goes."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import RestrictedApiKey, ServiceUnavailable, ValidationFailed
from app.domain.sending.state_machine import State
from app.services.operating.archive.archive import Archive, verify
from app.store.submission import old_emails
from app.wiring.gateway import Gateway
from tests.integration.operating.test_old_emails import Past
from tests.support.gateway.emails import ROOT, bounce, delivery, feed
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import Row, change, count, rows

YOUNGEST = timedelta(days=60)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def past(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Past:
    return Past(gateway, monkeypatch)


def before() -> datetime:
    return datetime.now(UTC) - timedelta(days=61)


def archived(directory: Path) -> list[dict[str, Any]]:
    files = sorted(directory.glob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


def audited(gateway: Gateway) -> list[Row]:
    return [one for one in rows(gateway, "audit") if one["action"] in {"archive", "archived"}]


def test_an_old_email_is_in_the_files_and_no_longer_in_the_database(
    gateway: Gateway, past: Past, directory: Path
) -> None:
    """With its recipients, calls and events; only the owner may read the files, and they can be verified."""
    email = past.submit("ann@example.net", "bob@example.net")
    feed(gateway, delivery(gateway, email))
    young = past.submit(ago=timedelta(days=50))
    assert gateway.archive.write(ROOT, directory, before=before()).emails == 1
    [one] = archived(directory)
    assert one["id"] == str(email)
    assert [(len(person["calls"]), len(person["events"])) for person in one["recipients"]] == [(1, 1), (1, 0)]
    assert [count(gateway, table) for table in ("emails", "recipients", "attempts", "events")] == [1, 1, 1, 0]
    assert [row["id"] for row in rows(gateway, "emails")] == [young]
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}
    assert [(day.counts.emails, day.counts.events, day.fault) for day in verify(directory)] == [(1, 1, None)]


def test_a_date_that_is_too_fresh_is_refused(gateway: Gateway, past: Past, directory: Path) -> None:
    """Links to unsubscribe in such emails have to work; the error says why, and nothing is moved."""
    past.submit()
    with pytest.raises(ValidationFailed, match="needed for 60 days"):
        gateway.archive.write(ROOT, directory, before=datetime.now(UTC) - timedelta(days=59))
    assert count(gateway, "emails") == 1


def test_the_audit_has_by_whom_emails_were_archived_and_how_many(gateway: Gateway, past: Past, directory: Path) -> None:
    """A row when the first is deleted, one at the end, without any address; a run that moves nothing has none."""
    limit = before()
    gateway.archive.write(ROOT, directory, before=limit)
    assert not audited(gateway)
    for name in ("ann", "bob", "kim"):
        past.submit(f"{name}@example.net")
    Archive(database=gateway.database, youngest=YOUNGEST, batch=1).write(ROOT, directory, before=limit)
    begun, ended = audited(gateway)
    assert [(one["action"], one["actor"], one["key"]) for one in (begun, ended)] == [
        ("archive", ROOT.actor, None),
        ("archived", ROOT.actor, None),
    ]
    assert begun["data"] == {"before": limit.isoformat()}
    assert ended["data"] == begun["data"] | {"emails": 3, "recipients": 3, "attempts": 3, "events": 0}


def test_emails_are_archived_by_administrators(gateway: Gateway, past: Past, directory: Path) -> None:
    """The key of an application may not, and nothing is written."""
    past.submit()
    with pytest.raises(RestrictedApiKey):
        gateway.archive.write(caller(gateway), directory, before=before())
    assert (count(gateway, "emails"), directory.exists()) == (1, False)


def test_what_waits_and_what_the_list_needs_stays(gateway: Gateway, past: Past, directory: Path) -> None:
    """A held email is not moved; the evidence of an entry is copied, and stays."""
    held, gone = past.submit(), past.submit("gone@example.net")
    change(gateway, "recipients", {"state": State.HELD}, email_id=held)
    feed(gateway, bounce(gateway, gone))
    gateway.archive.write(ROOT, directory, before=before())
    assert [one["id"] for one in archived(directory)] == [str(gone)]
    assert [count(gateway, table) for table in ("emails", "events", "suppressions")] == [1, 1, 1]


def test_a_run_that_died_before_its_commit_is_gone_on_with(
    gateway: Gateway, past: Past, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch was written and not deleted: the next run writes it again in its place, and each email once."""
    emails = [past.submit(f"r{number}@example.net") for number in range(5)]
    archive = Archive(database=gateway.database, youngest=YOUNGEST, batch=2)
    real, left = old_emails.delete_all, [1]

    def die(*given: Any, **named: Any) -> int:
        if not left:
            raise ServiceUnavailable("Killed.")
        left.pop()
        return real(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(old_emails, "delete_all", die)
        with pytest.raises(ServiceUnavailable):
            archive.write(ROOT, directory, before=before())
    assert (len(archived(directory)), count(gateway, "emails")) == (4, 3)
    assert [one["action"] for one in audited(gateway)] == ["archive"]
    for file in directory.glob("*.*l*"):
        with file.open("ab") as torn:
            torn.write(b"torn")
    assert archive.write(ROOT, directory, before=before()).emails == 3
    assert sorted(one["id"] for one in archived(directory)) == sorted(map(str, emails))
    assert not any(day.fault for day in verify(directory))


def test_what_the_sweep_deletes_after_a_run_that_died_is_not_lost(
    gateway: Gateway, past: Past, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part that was written stays, and those of it that are left are written again."""
    emails = [past.submit(f"r{number}@example.net") for number in range(2)]

    def die(*_: Any, **__: Any) -> int:
        raise ServiceUnavailable("Killed.")

    with monkeypatch.context() as patched:
        patched.setattr(old_emails, "delete_all", die)
        with pytest.raises(ServiceUnavailable):
            gateway.archive.write(ROOT, directory, before=before())
    with gateway.database.transaction() as connection:
        old = old_emails.lock(connection, accepted_before=before(), after=None, limit=1)
        assert old is not None
        old_emails.delete_all(connection, old, keep_events=[])
    assert gateway.archive.write(ROOT, directory, before=before()).emails == 1
    assert {one["id"] for one in archived(directory)} == set(map(str, emails))
    assert not any(day.fault for day in verify(directory))


def test_a_changed_byte_is_found(gateway: Gateway, past: Past, directory: Path) -> None:
    """By the hashes of the manifest."""
    past.submit()
    gateway.archive.write(ROOT, directory, before=before())
    [file] = directory.glob("*.jsonl.gz")
    changed = bytearray(file.read_bytes())
    changed[20] ^= 1
    file.write_bytes(changed)
    assert verify(directory)[0].fault == "part 1 is not as it was written"


def test_a_person_who_was_forgotten_is_in_no_later_archive(gateway: Gateway, past: Past, directory: Path) -> None:
    """Their emails are archived under the pseudonym."""
    past.submit("kim@example.net")
    for table in ("recipients", "attempts"):
        change(gateway, table, {"ses_message_id": "ses-1"})  # SES's own ids hold no address
    gateway.forget(ROOT, "kim@example.net", reason="Asked.", suppress=False, ask_ses=False)
    gateway.archive.write(ROOT, directory, before=before())
    assert len(archived(directory)) == 1
    assert "kim" not in json.dumps(archived(directory))
