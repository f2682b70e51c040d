"""`postern emails`: an operator finds out what became of the emails to an address, of an application, in a state."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.cli.main import main
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import ROOT, bounce, feed, submission, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.web import NO_ID

WORDS: dict[str, Any] = {"actor": "user-17", "reference": "invitation-7", "supersedes": "status"}


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment."""
    point_at(gateway, tmp_path, monkeypatch)


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """The emails that the command answers with."""
    capsys.readouterr()
    assert main(["emails", *words, "--json"]) == 0
    emails: list[dict[str, Any]] = json.loads(capsys.readouterr().out.splitlines()[-1])["emails"]
    return emails


def test_emails_are_found_by_recipient_state_application_and_time(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each filter alone, and several together."""
    kim = str(submit(gateway, caller(gateway), "kim@example.net", tags=(("team", "red"),), **WORDS))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, UUID(kim)))
    ann = str(submit(gateway, caller(gateway, app="shop"), "ann@example.net"))
    for words, expected in (
        ((), [ann, kim]),
        (("--to", "KIM@example.net"), [kim]),
        (("--state", "queued"), [ann]),
        (("--state", "queued", "--state", "bounced"), [ann, kim]),
        (("--last-event", "bounced"), [kim]),
        (("--cause", "mailbox_gone"), [kim]),
        (("--app", "shop"), [ann]),
        (("--tag", "team:red"), [kim]),
        *(((f"--{name}", word), [kim]) for name, word in WORDS.items()),
        (("--actor", "user-18"), []),
        (("--since", "1h"), [ann, kim]),
        (("--until", "2026-03-01"), []),
        (("--limit", "1"), [ann]),
        (("--limit", "1", "--after", ann), [kim]),
        (("--state", "queued", "--to", "kim@example.net"), []),
    ):
        assert [one["id"] for one in listed(capsys, *words)] == expected, words


def test_emails_are_found_by_the_request_that_brought_them(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator has the id from an answer or a log; what is no id is refused before anything is asked."""
    who, request_id = caller(gateway), UUID(NO_ID)
    submit(gateway, who, "ann@example.net")
    batch = [submission("kim@example.net"), submission("bob@example.net")]
    gateway.accept(who, batch, idempotency=None, answer=lambda _: {}, request_id=request_id)
    found = listed(capsys, "--request-id", NO_ID)
    assert [one["recipients"][0]["email"] for one in found] == ["bob@example.net", "kim@example.net"]
    assert {one["request_id"] for one in found} == {NO_ID}
    with pytest.raises(SystemExit):
        main(["emails", "--request-id", "mine"])


def test_a_person_reads_what_became_of_an_email(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """Its id, time and worst event, then each recipient with its reason; lines that fit a terminal."""
    email = submit(gateway, caller(gateway), "kim@example.net", *(f"r{number}@example.net" for number in range(6)))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    capsys.readouterr()
    assert main(["emails", "--to", "kim@example.net"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{email}  20")
    assert lines[0].endswith("bounced")
    assert lines[1] == "  invites/default: You are invited"
    assert lines[2].startswith("  kim@example.net: bounced. ")
    assert max(map(len, lines[:2])) <= 80
    assert main(["emails"]) == 0
    assert "  and 2 more" in capsys.readouterr().out.splitlines()


def test_a_paused_lane_is_the_reason_of_its_emails(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """In the list too, since there the operator looks first."""
    gateway.pause_lanes.pause(ROOT, Lane.TRANSACTIONAL, reason="Wrong picture.")
    submit(gateway, caller(gateway), "ann@example.net")
    [email] = listed(capsys, "--to", "ann@example.net")
    assert email["recipients"][0]["reason"] == "Held back: Wrong picture."


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("--since", "yesterday"), "give a date such as 2026-03-01"),
        (("--tag", "red"), "a tag is NAME:VALUE"),
        (("--limit", "0"), "give a number from 1 to 100"),
        (("--state", "lost"), "invalid choice"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what may be given instead, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["emails", *words])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_an_unknown_application_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list would look like a valid answer."""
    assert main(["emails", "--app", "lost"]) == 1
    assert "There is no application of this name" in capsys.readouterr().err
