"""What is read in the reply of a server: the replies inside its wrappings, and words that are no address or host."""

import pytest

from app.domain.feedback.reply_text import layers, read_text


@pytest.mark.parametrize(
    "text, inner",
    [
        ("550 4.4.7 Message expired.<452 4.2.2 Mailbox full>", "452 4.2.2 Mailbox full"),
        ("550 Not delivered.<452-4.2.2 user> full>.", "452-4.2.2 user> full"),
        ("host mx.example.net said: 452 4.2.2 Mailbox full", "452 4.2.2 Mailbox full"),
        ("5.3.0 Other problem 552-'Mailbox full' (delivery attempts: 0)", "Mailbox full"),
        ("550 Remote server returned an error -> 552 5.2.2 Full", "552 5.2.2 Full"),
    ],
)
def test_the_reply_inside_a_wrapping_is_a_layer_before_the_whole(text: str, inner: str) -> None:
    """Without what surrounds it, up to the last sign that closes the wrapping."""
    assert layers(text) == (inner, text)


@pytest.mark.parametrize("text", ["", "550 full", "550 <452 full", "> 550 <452 full", "552-'full", "552-''"])
def test_a_wrapping_that_is_open_or_empty_adds_no_layer(text: str) -> None:
    """A server may cut its reply at any place."""
    assert layers(text) == (text,)


def test_the_first_1500_characters_of_a_reply_are_read() -> None:
    """A server writes its reason first."""
    assert layers("a" * 1500 + "b") == ("a" * 1500,)


@pytest.mark.parametrize("host", ["example.net", "example.de", "mx.example.net", "mx.1and1.net", "MX7.EXAMPLE.NET"])
def test_a_host_has_no_words(host: str) -> None:
    """Its labels may be any words, those of a reason too."""
    assert read_text(f"550 refused by {host}.").words == ("refused", "by")


@pytest.mark.parametrize(
    "text, words",
    [
        ("user unknown.Please check", ("user", "unknown", "please", "check")),
        ("no.such.user.Please check", ("no", "such", "user", "please", "check")),
        ("unknown IDs.Please check", ("unknown", "ids", "please", "check")),
        ("error 5.1.x full", ("error", "x", "full")),
        ("plan.b full", ("plan", "b", "full")),
        ("full...see 5.2.2", ("full", "see")),
    ],
)
def test_words_with_a_full_stop_between_them_are_read(text: str, words: tuple[str, ...]) -> None:
    """Servers forget the space before the next sentence, or put dots where no host has them."""
    assert read_text(text).words == words
