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
