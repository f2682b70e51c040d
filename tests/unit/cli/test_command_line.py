"""The command line: accepted arguments, help texts and refusals."""

import argparse
import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from app.cli.apps.keys import state_of
from app.cli.local.bootstrap import GONE, Ready
from app.cli.local.demo_story import EXPECTED, read_guests
from app.cli.local.up import curl
from app.cli.main import COMMANDS, in_one_line, make_parser
from app.cli.shell.command import Command, duration, on_gateway
from app.cli.shell.settings import REQUIRED, variables
from app.cli.shell.terminal import shown
from app.cli.submission.send import email_of
from app.domain.apps.doors import SesAccess
from app.domain.errors import Fault, ValidationFailed
from app.store.apps.apps import App
from app.store.apps.keys import ApiKey
from config import Settings
from simulator.events.mailbox_behaviours import Behaviour

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
SEND = ("send", "--from", "a@example.com", "--to", "b@example.com", "--subject", "x", "--text", "y")


def parsed(*words: str) -> Namespace:
    return make_parser().parse_args(list(words))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))
def test_every_command_explains_itself(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """--help exits with 0 and shows the purpose of the command, --json, and an example that it accepts."""
    with pytest.raises(SystemExit) as ended:
        parsed(*command.words, "--help")
    page = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"{command.summary[0].upper()}{command.summary[1:]}" in " ".join(page.split())
    assert "--json" in page
    assert command.example in page
    assert f"./postern {' '.join(command.words)}" in command.example


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("key",),
        ("key", "create"),
        ("key", "create", "--app", "a", "--scope", "everything"),
        ("key", "create", "--app", "a", "--expires-in", "soon"),
        ("unsuppress", "kim@example.net"),
        ("pause", "bulk"),
        ("pause", "fast", "--reason", "x"),
        ("send", "--from", "a@example.com", "--to", "b@example.com"),
        (*SEND, "--html", "z"),
        ("up", "--port", "70000"),
        ("up", "--port", "http"),
    ],
)
def test_a_wrong_command_line_exits_with_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The usage is shown and the command does nothing."""
    with pytest.raises(SystemExit) as ended:
        parsed(*words)
    assert ended.value.code == 2
    assert "usage: postern" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text, expected",
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    """Minutes, hours, days, weeks."""
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "d", "0d", "-1d", "1.5h", "1y", "90", "90 d", "1d2h", "999999w"])
def test_other_durations_are_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)


def test_an_email_has_only_the_given_options() -> None:
    """Options that were left out are not in the request."""
    assert email_of(parsed(*SEND)) == {
        "from": "a@example.com",
        "to": ["b@example.com"],
        "subject": "x",
        "text": "y",
    }
    words = {"actor": "ann", "reference": "invitation-7", "supersedes": "status"}
    given = [part for name, word in words.items() for part in (f"--{name}", word)]
    assert email_of(parsed(*SEND, *given)).items() >= words.items()


@pytest.mark.parametrize(
    "revoked, expires, expected",
    [
        (None, None, "active"),
        (None, NOW + timedelta(seconds=1), "active"),
        (None, NOW, "expired"),
        (NOW, None, "revoked"),
        (NOW, NOW, "revoked"),
    ],
)
def test_the_state_of_a_key(revoked: datetime | None, expires: datetime | None, expected: str) -> None:
    """A key is valid until it is revoked or expires."""
    app = App(id=UUID(int=1), name="demo", senders=(), default_lane="bulk", reason_optional=False, created_at=NOW)
    key = ApiKey(
        id=UUID(int=2), public_id="abc", secret_sha256=b"", name="", scopes=(), created_at=NOW, expires_at=expires,
        revoked_at=revoked, last_used_at=None, app=app,
    )  # fmt: skip
    assert state_of(key, now=NOW) == expected


def test_a_refusal_says_each_thing_once() -> None:
    """The detail and the fault of a field, often the same sentence, are printed once."""
    twice = ValidationFailed("No.", faults=(Fault("/a", "x", "No."), Fault("/b", "y", "Not this either.")))
    assert in_one_line(twice) == "No. Not this either."


@pytest.mark.parametrize(
    "value, expected",
    [(None, ""), (True, "yes"), (NOW, "2026-08-01 12:00"), (("b", "a"), "a\nb"), ("*", "*"), (3, "3")],
)
def test_values_in_tables_are_plain(value: object, expected: str) -> None:
    """No brackets, no microseconds."""
    assert shown(value) == expected


def test_the_settings_are_those_of_the_model() -> None:
    """Every variable is listed with its purpose; a required one says that it has no default."""
    listed = {name: (default, meaning) for name, default, meaning in variables()}
    assert set(listed) == {name.upper() for name in Settings.model_fields}
    assert listed["SECRET_KEYS"][0] == REQUIRED
    assert all(meaning for _, meaning in listed.values())


def test_the_guests_of_the_demo_fit_the_story() -> None:
    """One bounces and one complains; the simulator knows each mailbox, and the story expects its outcome."""
    guests = read_guests()
    by_address = {guest.email: guest.mailbox for guest in guests}
    assert len(by_address) == len(guests)
    assert by_address[GONE] == "bounce"
    assert by_address["lee.annoyed@example.com"] == "complaint"
    assert set(by_address.values()) <= EXPECTED.keys() <= {behaviour.value for behaviour in Behaviour}


def test_the_curl_to_paste_carries_the_key_and_valid_json() -> None:
    """The curl command that `up` prints works unchanged."""
    ready = Ready(
        url="http://127.0.0.1:1", api_key="ptn_k", admin_key="ptn_a", sender="i@example.com",
        console_url="http://127.0.0.1:1/console/sign-in/link/t",
        simulator_url="http://127.0.0.1:2", database_url="sqlite:///x", redis_url="unix:///y",
        ses=SesAccess(endpoint_url="http://127.0.0.1:1", region="r", access_key_id="ptn_k", secret_access_key="s"),
    )  # fmt: skip
    pasted = curl(ready, to=GONE)
    assert "Bearer ptn_k" in pasted
    assert json.loads(pasted.partition("-d '")[2].rstrip("'"))["to"] == GONE
    assert list(ready.as_json()) == [
        "url", "from", "api_key", "admin_key", "console_url", "simulator_url", "database_url", "redis_url",
        "ses", "inbox_url", "docs_url", "openapi_url", "readyz_url", "metrics_url",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data, typed",
    [
        (None, "./postern resume bulk"),
        (Path("data"), "./postern resume bulk --data data"),
        (Path("my data"), "./postern resume bulk --data 'my data'"),
    ],
)
def test_a_printed_command_works_on_the_same_gateway(data: Path | None, typed: str) -> None:
    """It has the data directory that was given, quoted for a shell, and nothing where none was given."""
    assert on_gateway("./postern resume bulk", data) == typed
