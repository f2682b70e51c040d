"""`postern outcomes`: an operator reads what became of emails, in the words that an inviter would get."""

import json
from pathlib import Path

import pytest

from app.cli.main import main
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import bounce, feed, submit
from tests.support.gateway.gateways import caller


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment, and it has two emails, one of which met a full mailbox."""
    point_at(gateway, tmp_path, monkeypatch)
    kim = submit(gateway, caller(gateway), "kim@example.net", actor="user-7", reference="i-1", tags=(("team", "red"),))
    submit(gateway, caller(gateway, app="shop"), "ann@example.net", stream="news")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, kim, kind="Transient", subtype="MailboxFull"))


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], ["ann@example.net", "kim@example.net"]),
        (["--actor", "user-7"], ["kim@example.net"]),
        (["--reference", "i-1"], ["kim@example.net"]),
        (["--tag", "team:red"], ["kim@example.net"]),
        (["--stream", "news"], ["ann@example.net"]),
        (["--app", "shop"], ["ann@example.net"]),
        (["--email", "KIM@example.net"], ["kim@example.net"]),
        (["--outcome", "on_its_way"], ["ann@example.net"]),
        (["--outcome", "on_its_way", "--outcome", "not_delivered"], ["ann@example.net", "kim@example.net"]),
        (["--cause", "mailbox_full"], ["kim@example.net"]),
        (["--until", "2020-01-01"], []),
        (["--limit", "1"], ["ann@example.net"]),
    ],
)
def test_outcomes_are_filtered(capsys: pytest.CaptureFixture[str], words: list[str], expected: list[str]) -> None:
    """By each option, with the fields of the API."""
    capsys.readouterr()
    assert main(["outcomes", *words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["email"] for one in answer["outcomes"]] == expected
    assert answer["has_more"] == (words == ["--limit", "1"])
    for one in answer["outcomes"]:
        assert one.keys() >= {"outcome", "cause", "sentence", "next_step", "who_can_act", "actor", "reference"}


def test_a_person_reads_sentences_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Each outcome in words, then how many there are of each, and how to go on."""
    assert main(["outcomes", "--limit", "1"]) == 0
    printed = capsys.readouterr().out
    assert "The email has left; an answer is still to come." in printed
    assert "In all: 1 on its way, 0 delivered, 1 not delivered, 0 not sent, 0 unknown." in printed
    assert "There are more: add --after " in printed
    assert main(["outcomes", "--actor", "nobody"]) == 0
    assert "No email passes these filters." in capsys.readouterr().out
