"""`postern check`, `suppressions explain` and `forget` as an operator types them, on a real database."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main, make_parser
from app.cli.shell.command import UsageMistake
from app.cli.shell.terminal import Terminal
from app.domain.sending.state_machine import State
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import SECRET_KEY, TOPIC, caller
from tests.support.gateway.rows import everything_stored, recipient_of

Json = dict[str, Any]
Run = Callable[..., tuple[bool, Json, str]]


@pytest.fixture
def run(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json: whether it succeeded, its answer, and its messages to the person."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": gateway.settings.database_url,
        "REDIS_URL": gateway.settings.redis_url,
        "SECRET_KEYS": SECRET_KEY,
        "SNS_TOPIC_ARNS": TOPIC,
        "AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)

    def run_one(*words: str) -> tuple[bool, Json, str]:
        given = make_parser().parse_args([*words, "--json"])
        done = given.command.run(given, Terminal(as_json=True))
        printed = capsys.readouterr()
        return done, json.loads(printed.out.splitlines()[-1]), printed.err

    return run_one


def test_addresses_are_checked_by_hand_and_from_a_file(
    gateway: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code says whether all would be sent to; the table gives the reasons, and suggests corrections."""
    gateway.suppress.add(ROOT, "kim@example.net", reason="By phone.")
    gateway.suppress.add(ROOT, "ben@example.net", scope="invites/news")
    done, answer, words = run("check", "kim@example.net", "ann@gmial.com", "no address", "ben@example.net")
    assert (done, answer["would_send"]) == (False, 2)
    assert [one["would_send"] for one in answer["checked"]] == [False, True, False, True]
    assert "ann@gmail.com" in words
    assert "no spaces" in words
    monkeypatch.setattr("sys.stdin", io.StringIO("ben@example.net\n\n  ann@example.net \n"))
    done, answer, _ = run("check", "-", "--app", "invites", "--stream", "news")
    assert [(one["given"], one["would_send"]) for one in answer["checked"]] == [
        ("ben@example.net", False),
        ("ann@example.net", True),
    ]
    assert run("check", "ann@example.net")[0]


def test_an_operator_finds_the_reason_and_how_to_unsuppress(gateway: Gateway, run: Run) -> None:
    """Layer by layer, with the command to type; the last line is the answer. Any address is allowed."""
    gateway.suppress.add(ROOT, "kim@example.net", reason="By phone.")
    done, answer, words = run("suppressions", "explain", "kim@example.net")
    lines = words.splitlines()
    assert done
    assert (answer["would_send"], answer["layers"][0]["verdict"]) == (False, "blocks")
    assert lines[0].startswith("1. our list, the address: blocks.")
    assert any("./postern unsuppress kim@example.net --reason '...'" in line for line in lines)
    assert lines[-1] == "Would an email be sent now: no. No email is sent: manual, for every email."
    done, answer, words = run("suppressions", "explain", "ann@example.net", "--app", "invites", "--stream", "news")
    assert (done, answer["would_send"]) == (True, True)
    assert words.splitlines()[-1] == "Would an email be sent now: yes. An email would be sent."


def test_a_person_is_forgotten_only_after_confirmation(
    gateway: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --yes it asks, and does nothing without a terminal; with it, it reports the entries still in force."""
    email = submit(gateway, caller(gateway), "kim@example.net")
    gateway.suppress.add(ROOT, "kim@example.net", scope="invites")
    words = ("forget", "kim@example.net", "--reason", "Request 4711.", "--keep-at-ses")
    monkeypatch.setattr("sys.stdin", io.StringIO("forget\n"))
    with pytest.raises(UsageMistake, match="--yes"):
        run(*words)
    assert recipient_of(gateway, email).address == "kim@example.net"
    done, answer, said = run(*words, "--yes")
    assert done
    assert (answer["canceled"], answer["ses_account"]) == (1, "kept")
    assert answer["suppressed"] == [{"scope": "invites", "origin": "manual"}]
    assert "Still suppressed: invites (manual)." in said
    assert state_of(gateway, email) is State.CANCELED
    assert "kim@example.net" not in everything_stored(gateway)
    assert run("suppressions", "explain", "kim@example.net", "--app", "invites")[1]["would_send"] is False
    assert run("unsuppress", "kim@example.net", "--reason", "Kim is back.")[1]["removed"]
    assert run("suppressions", "explain", "kim@example.net", "--app", "invites")[1]["would_send"] is True


@pytest.mark.parametrize(
    "words",
    [
        ("check", "a@example.net", "--stream", "news"),
        ("suppressions", "explain", "a@example.net", "--stream", "news"),
    ],
)
@pytest.mark.usefixtures("run")
def test_a_stream_without_its_application_is_refused(words: tuple[str, ...]) -> None:
    """Exit code 2, and the line says what is missing."""
    assert main(words) == 2
