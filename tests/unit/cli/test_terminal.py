"""Text from outside is shown at the terminal, and never acts as a control sequence."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape

from app.cli.shell.terminal import Terminal, harmless

ODD = "a\x1b[2Jb\x9b31mc\x07d\x7fe\x85f\u202eg\rh\udcffi"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_control_character_reaches_the_terminal(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """Not in text, tables, errors or the output of a process; in JSON it is escaped, with the same meaning."""
    terminal = Terminal(as_json=as_json)
    terminal.say(escape(ODD))
    terminal.table(["one"], [[ODD], [[ODD, "b"]]], title=escape(harmless(ODD)))
    terminal.answer({"text": ODD})
    written = capsys.readouterr()
    assert not OBEYED.search(written.out + written.err)
    if as_json:
        assert json.loads(written.out.splitlines()[-1]) == {"text": ODD}
    terminal.fail(ODD, tail=f"first\n{ODD}")
    assert not OBEYED.search("".join(capsys.readouterr()))


@given(st.text())
def test_only_control_characters_are_spelled_out(text: str) -> None:
    """Letters of any script, line breaks and tabs stay as they are."""
    shown = harmless(text)
    assert not OBEYED.search(shown)
    assert harmless(shown) == shown
    if text.isalnum():
        assert shown == text


ROWS = [
    ("01a2268c-e795-73a5-8921-0d5940ddf12d", "invites", "kim.gone@example.com", "550 user unknown"),
    ("b", "c", "", "x\ny"),
]


def test_a_table_that_fits_is_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells are whole, whatever is the width."""
    monkeypatch.setenv("COLUMNS", "200")
    Terminal().table(("email", "application", "recipient", "why"), ROWS)
    lines = [re.split(r" {2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert list(ROWS[0]) in lines


def test_the_last_column_wraps_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A long reason takes two lines of a table that fits, and no other cell is broken."""
    terminal = Terminal(width=80)
    reason = "The address is on the suppression list, after a complaint of its owner."
    terminal.table(("recipient", "state", "reason"), [("lee.annoyed@example.com", "suppressed", reason)])
    page = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in page.splitlines()) <= 80
    assert "lee.annoyed@example.com   suppressed   The address is on" in page
    assert page.replace("─", "").split()[5:] == reason.split()


def test_a_table_that_is_too_wide_is_printed_in_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On 80 columns an id, an address and a sentence do not fit beside each other, and no word is torn apart."""
    terminal = Terminal(width=80)
    terminal.table(("email", "application", "recipient", "why"), ROWS)
    assert capsys.readouterr().out == (
        "email        01a2268c-e795-73a5-8921-0d5940ddf12d\n"
        "application  invites\n"
        "recipient    kim.gone@example.com\n"
        "why          550 user unknown\n\n"
        "email        b\n"
        "application  c\n"
        "recipient\n"
        "why          x\n"
        "             y\n\n"
    )


@pytest.mark.parametrize("width", [80, 200])
def test_an_empty_table_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    """In the words of the command."""
    terminal = Terminal(width=width)
    terminal.table(("a", "b"), [], empty="No email is held.")
    assert capsys.readouterr().out == "No email is held.\n"
