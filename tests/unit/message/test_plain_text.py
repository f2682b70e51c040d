"""The text of an HTML body: what a reader of the HTML would see, at a bounded cost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.message.plain_text import HTML_LIMIT, TAG_LIMIT, plain_text_of

INVITATION = """<!DOCTYPE html><html><head><title>Title</title><style>p { color: red }</style></head><body>
<div style="Display: None">preview</div>
<table width="600"><tr><td><h1>Hello Ann</h1><p>Come &amp; <b>see</b>, <a href="https://example.com/i?x=1&amp;y=2">
the invitation</a>!</p><ul><li>one</li><li>two</li></ul>
<img src="cid:logo" alt="ACME logo"><br>Bye<br/>Kim</td></tr></table>
<p><a href="{{unsubscribe_url}}">Unsubscribe</a></p><!-- a comment --><script>alert(1)</script></body></html>"""


def test_the_text_has_the_words_the_lines_and_the_links() -> None:
    """Links carry their addresses, images their words; styles, scripts, comments and hidden parts are left out."""
    assert plain_text_of(INVITATION) == (
        "Hello Ann\n\nCome & see, the invitation [https://example.com/i?x=1&y=2]!\n\none\ntwo\n\nACME logo\nBye\nKim"
        "\n\nUnsubscribe [{{unsubscribe_url}}]"
    )


@pytest.mark.parametrize(
    "html, text",
    [
        ("plain words", "plain words"),
        ("<p>5 &lt; 6 &amp;&nbsp;7</p>", "5 < 6 & 7"),
        ("<p>\u00dcber \u5c71\u7530 \U0001f389</p>", "\u00dcber \u5c71\u7530 \U0001f389"),
        ('<a href="mailto:help@example.com">help@example.com</a>', "help@example.com"),
        ('<a href="https://example.com/">https://example.com/</a>', "https://example.com/"),
        ('<a href="#top">Up</a> <a href="javascript:x()">Go</a>', "Up Go"),
        ('<a href="https://example.com/"><img src="x" alt="Accept"></a>', "Accept [https://example.com/]"),
        ('<a href="https://example.com/"><b>Accept</b> now</a>', "Accept now [https://example.com/]"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ('<?xml version="1.0" encoding="latin-1"?><p>\u00e9</p>', "\u00e9"),
        ("", None),
        ("   ", None),
        ("<html></html>", None),
        ("<img src='x'>", None),
        ("<!-- only a comment -->", None),
        ("<style>p {}</style>", None),
        ("\ud800", None),
    ],
)
def test_each_kind_of_html_has_its_text(html: str, text: str | None) -> None:
    """Entities, scripts of the world, bare links and broken HTML give their words; HTML without words gives none."""
    assert plain_text_of(html) == text


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["<", ">", "/", "!", "--", "a", " href=", "'", "&", "<p>", "</"])).map("".join)
)
def test_no_html_raises(html: str) -> None:
    """Any text gives a text or none."""
    text = plain_text_of(html)
    assert text is None or text.strip()


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<div>",
            "<table><tr><td>",
            "<",
            "<!",
            "<!--",
            "<a ",
            "<a href='https://example.com/'>",
            "<br>",
            "<p>a",
            "<li>x",
        ),
        *(
            "&",
            "&amp",
            "<b>",
            "<ul><li>",
            "<td>x</td>",
            "<span style='display:none'>",
            "<script>",
            "</p>",
            "x",
            " ",
            "]]>",
        ),
    ],
)
def test_hostile_html_costs_little(piece: str) -> None:
    """Of the largest HTML that is read, no repetition costs seconds: the time grows with the length alone."""
    started = time.process_time()
    times = min(HTML_LIMIT // len(piece), TAG_LIMIT // max(1, piece.count("<")))
    plain_text_of(piece * times)
    assert time.process_time() - started < 5


def test_html_beyond_the_limit_gets_no_text() -> None:
    """A body that is too long, or has too many tags, is sent as HTML alone, and is not read."""
    assert plain_text_of("<p>" + "a" * (HTML_LIMIT - 3)) == "a" * (HTML_LIMIT - 3)
    assert plain_text_of("<p>" + "a" * HTML_LIMIT) is None
    assert plain_text_of("<br>a" * TAG_LIMIT) is not None
    assert plain_text_of("<br>a" * (TAG_LIMIT + 1)) is None
