"""A redacted notification shows its structure but no address."""

import json

import pytest

from app.domain.privacy.redaction import REDACTED, without_addresses

HIDDEN = [
    "kim.gone@example.com",
    "smtp; 550 <kim.gone@example.com>: user unknown",
    "bounces+kim.gone=example.com@mail.example.net",
    "=?utf-8?q?Kim?= <kim.gone@example.com>",
    "https://example.net/?u=kim.gone%40example.com",
    "mailto:kim.gone@example.com",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_an_address_is_removed_at_any_place(text: str) -> None:
    """As a value, as a name, in a list, in JSON within JSON, and in text that is not JSON."""
    inner = json.dumps({"to": [text], text: 1})
    for raw in (text, inner, json.dumps({"Message": inner}), inner[:-1]):
        cleaned = without_addresses(raw)
        assert "kim.gone" not in cleaned
        assert REDACTED in cleaned


@pytest.mark.parametrize("close", ["}", ""])
def test_no_escape_hides_an_address(close: str) -> None:
    """JSON may escape the @ at any depth; a truncated text is searched as it is."""
    for sign in ("\\u0040", "\\\\u0040"):
        cleaned = without_addresses('{"to": "kim.gone' + sign + 'example.com"' + close)
        assert "kim.gone" not in cleaned
        assert REDACTED in cleaned


def test_the_rest_can_be_read() -> None:
    """Types, times, ids and numbers stay unchanged, one per line."""
    event = {"eventType": "Bounce", "mail": {"messageId": "0100-abc", "n": 3, "ok": None}}
    cleaned = without_addresses(json.dumps(event))
    assert json.loads(cleaned) == event
    assert len(cleaned.splitlines()) > 5


def test_any_text_is_answered() -> None:
    """Text that breaks the reader of events does not break the redaction."""
    assert without_addresses("[" * 300_000) == "[" * 300_000
    assert without_addresses("") == ""
