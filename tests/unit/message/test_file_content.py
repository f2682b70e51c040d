"""The content of a file: base64 of every kind and `data:` addresses stand for the same bytes, or are refused."""

import base64
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.message.file_content import FileContent, read_file_content

OCTETS = bytes(range(256))
PLAIN = base64.b64encode(OCTETS).decode()


@given(st.binary(max_size=200), st.sampled_from(["\n", "\r\n", " ", "\t", "\n\n"]), st.integers(1, 80))
def test_every_spelling_of_base64_is_the_same_file(octets: bytes, line_end: str, width: int) -> None:
    """Line breaks anywhere, either alphabet, with padding or without: the bytes are those that were encoded."""
    for encoded in (base64.b64encode(octets).decode(), base64.urlsafe_b64encode(octets).decode()):
        for text in (encoded, encoded.rstrip("=")):
            lines = [text[start : start + width] for start in range(0, len(text), width)]
            for spelling in (text, line_end.join(lines), f"{line_end}{line_end.join(lines)}{line_end}"):
                assert read_file_content(spelling) == FileContent(octets)


@pytest.mark.parametrize(
    "text",
    [
        *("a", "abcde", "a===", "ab=", "aGk==", "aGk=aGk=", "=", "aG=k", "====", "a-+b", "a_/b", "aGk!", "aGk\u00e9"),
        *("aGk\x00", "aGk\u200b", "Hello, world", "aGk=\n!", "https://example.com/a", "data:", "data:text/plain"),
        *("data:text/plain;base64", "data:text/plain;base64,!", "data:" + "x" * 3000 + ",a"),
    ],
    ids=ascii,
)
def test_a_text_that_is_cut_off_or_mixed_is_no_file(text: str) -> None:
    """What could be two different files, or a part of one, is refused."""
    assert read_file_content(text) is None


@pytest.mark.parametrize(
    "text, octets, content_type",
    [
        (f"data:application/pdf;base64,{PLAIN}", OCTETS, "application/pdf"),
        (f"DATA:application/pdf;BASE64,{PLAIN}", OCTETS, "application/pdf"),
        (f"data:image/png;name=logo.png;base64,{PLAIN}", OCTETS, "image/png;name=logo.png"),
        (f"data:;base64,{PLAIN}", OCTETS, "text/plain"),
        (f"data:text/csv;charset=utf-8;base64,{PLAIN.rstrip('=')}", OCTETS, "text/csv;charset=utf-8"),
        ("data:application/pdf;base64," + "\n".join(textwrap.wrap(PLAIN, 76)), OCTETS, "application/pdf"),
        ("data:text/plain;base64,aGk%3D", b"hi", "text/plain"),
        ("data:text/plain,a%20b%0D%0A", b"a b\r\n", "text/plain"),
        ("data:,plain", b"plain", "text/plain"),
        ("data:text/html;charset=utf-8,<p>a,b</p>", b"<p>a,b</p>", "text/html;charset=utf-8"),
        ("data:text/plain;base64,", b"", "text/plain"),
    ],
)
def test_a_data_address_is_its_file(text: str, octets: bytes, content_type: str) -> None:
    """The bytes and the content type are those of the address (RFC 2397), in base64 and escaped."""
    assert read_file_content(text) == FileContent(octets, content_type)
