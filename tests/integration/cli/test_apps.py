"""`./postern app` and `./postern key rotate`: what an operator keeps of applications."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.services.apps.issue_keys import OVERLAP
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.gateways import issue
from tests.support.gateway.rows import rows

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment."""
    point_at(gateway, tmp_path, monkeypatch)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Run a command, and return its JSON object."""
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    return answer


def test_an_application_is_created_changed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """With its limits, which `none` takes away again; what is not given stays."""
    made = run(capsys, "app", "create", "events", "--sender", "@example.com", "--emails-per-day", "500")
    assert (made["app"], made["senders"], made["emails_per_day"]) == ("events", ["@example.com"], 500)
    words = ("--default-stream", "news", "--lane", "bulk", "--emails-per-second", "5", "--emails-per-day", "none")
    changed = run(capsys, "app", "set", "events", *words)
    assert changed.items() >= {"default_stream": "news", "lane": "bulk", "emails_per_second": 5}.items()
    assert (changed["emails_per_day"], changed["senders"]) == (None, ["@example.com"])
    assert run(capsys, "app", "show", "events") == changed
    assert run(capsys, "app", "list")["apps"] == [changed]


def test_what_a_person_reads_of_an_application(capsys: pytest.CaptureFixture[str]) -> None:
    """Its senders, its stream, its limits, and that it is archived."""
    assert main(["app", "create", "events", "--emails-per-second", "5", "--emails-per-day", "500"]) == 0
    shown = capsys.readouterr().out
    assert "events may send as no address, by default in the lane transactional." in shown
    assert "Recipients: 5 a second, 500 a day." in shown
    assert "./postern key create --app events" in shown
    assert main(["app", "archive", "events"]) == 0
    assert main(["app", "show", "events"]) == 0
    assert "It is archived: its keys are refused." in capsys.readouterr().out
    assert main(["app", "list"]) == 0
    assert "5 a second, 500 a day" in capsys.readouterr().out


def test_an_application_is_archived_and_unarchived(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """While it is archived it gets no key, and the refusal says what to do."""
    issue(gateway, app="events")
    assert run(capsys, "app", "archive", "events")["archived_at"] is not None
    assert main(["key", "create", "--app", "events"]) == 1
    assert "unarchive it first" in capsys.readouterr().err
    assert run(capsys, "app", "unarchive", "events")["archived_at"] is None


@pytest.mark.parametrize(
    "words, code, line",
    [
        (("app", "set", "events"), 2, "say what to change"),
        (("app", "set", "events", "--emails-per-day", "many"), 2, "a limit is a whole number, or none"),
        (("app", "set", "nobody", "--emails-per-day", "5"), 1, "There is no such application"),
        (("app", "create", "events"), 1, "An application of this name exists"),
        (("app", "set", "events", "--emails-per-day", "0"), 1, "A limit is 1 to"),
    ],
)
def test_a_mistake_is_explained(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, line: str
) -> None:
    """And changes nothing."""
    issue(gateway, app="events")
    before = rows(gateway, "apps")
    try:
        ended = main(list(words))
    except SystemExit as exit_:
        ended = int(str(exit_.code))
    assert (ended, line in capsys.readouterr().err) == (code, True)
    assert rows(gateway, "apps") == before


def test_a_team_is_changed_and_a_key_for_it_is_issued(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """Members are added and taken off by name, and the key shows its kind."""
    issue(gateway, app="events")
    assert main(["app", "team", "events"]) == 0
    assert "write to no address yet." in capsys.readouterr().out
    run(capsys, "app", "team", "events", "--add", "Ann@example.com", "--add", "@example.org")
    changed = run(capsys, "app", "team", "events", "--add", "kim@example.net", "--remove", "@example.org")
    assert changed == {"app": "events", "team": ["ann@example.com", "kim@example.net"]}
    assert run(capsys, "app", "team", "events") == changed
    made = run(capsys, "key", "create", "--app", "events", "--kind", "team")
    assert (made["kind"], made["token"].startswith(f"ptn_team_{made['id']}_")) == ("team", True)
    assert [key["kind"] for key in run(capsys, "key", "list")["keys"]] == ["live", "team"]


def test_a_key_is_rotated(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """The new one is shown once, and both are valid during the overlap."""
    old = issue(gateway)
    new = run(capsys, "key", "rotate", old.key.public_id, "--overlap", "2h", "--expires-in", "90d")
    assert (new["app"], new["scopes"]) == ("invites", list(old.key.scopes))
    for token in (old.token, new["token"]):
        assert gateway.authenticate(f"Bearer {token}").app == "invites"
    listed = {key["id"]: key for key in run(capsys, "key", "list")["keys"]}
    assert listed[old.key.public_id]["replaced_by"] == new["id"]
    assert listed[old.key.public_id]["expires_at"] == new["old_expires_at"]
    assert [key["expires_at"] is not None for key in listed.values()] == [True, True]


@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(days=9)])
def test_a_rotation_says_when_the_old_key_ends(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], lifetime: timedelta
) -> None:
    """After the overlap, or before if it was to expire before."""
    now = datetime.now(UTC)
    old = issue(gateway, expires_at=now + lifetime)
    assert main(["key", "rotate", old.key.public_id]) == 0
    said = capsys.readouterr().out
    [listed] = [key for key in run(capsys, "key", "list")["keys"] if key["id"] == old.key.public_id]
    ends_at = datetime.fromisoformat(listed["expires_at"])
    assert abs(ends_at - now - min(lifetime, OVERLAP)) < timedelta(minutes=1)
    assert f"expires at {ends_at:%Y-%m-%d %H:%M} UTC" in said
