"""The final scan of a message: it accepts exactly the intended headers and refuses any difference."""

import pytest

from app.domain.message.mime import UnsafeMessage
from app.domain.message.mime_scan import require_exactly

GOOD = b"To: a\r\nSubject: b\r\n c\r\n\r\n\r\n--=_m\r\nX-A: 1\r\n\r\nbody\r\n--=_m--\r\n"
MEANT = [("To", "Subject"), ("X-A",)]


def test_scanner_accepts_the_intended_message() -> None:
    """The scanner accepts a message whose header blocks are the expected ones."""
    require_exactly(GOOD, MEANT)


@pytest.mark.parametrize(
    "raw",
    [
        GOOD.replace(b"Subject: b", b"Subject: b\r\nBcc: e@example.org"),
        GOOD.replace(b"X-A: 1", b"X-A: 1\r\nX-B: 2"),
        GOOD.replace(b"To: a", b"Bcc: a"),
        GOOD.replace(b"To: a\r\n", b""),
        GOOD.replace(b"To: a\r\nSubject: b", b"Subject: b\r\nTo: a"),
        GOOD.replace(b"a\r\nS", b"a\nS"),
        GOOD.replace(b"a\r\nS", b"a\rS"),
        GOOD.replace(b"body", b"bo\ndy"),
        GOOD.replace(b"body", b"bo\rdy"),
        GOOD.replace(b"body", b"bo\r\r\ndy"),
        GOOD.replace(b"body", b"b\0dy"),
        GOOD.replace(b"body", b"b\x0cdy"),
        GOOD.replace(b"body", "b\u00f6dy".encode()),
        GOOD.replace(b"body", b"x" * 999),
        GOOD.replace(b" b", b" b\x0b"),
        GOOD.replace(b" b", b" b\x7f"),
        GOOD.replace(b" c", b"c"),
        GOOD.replace(b" c", b"\tc"),
        GOOD.replace(b" c", b"  "),
        GOOD.replace(b"To: a", b"To : a"),
        GOOD.replace(b"To: a", b"To:a"),
        GOOD.replace(b"To: a", b" To: a"),
        GOOD.replace(b"To: a", b"T_o: a"),
        GOOD.replace(b"body", b"body\r\n--=_m\r\nX-A: 2\r\n\r\n"),
        GOOD.replace(b"body", b"body\r\n--=_m--\r\nBcc: x\r\n"),
        GOOD + b"Bcc: x\r\n",
        GOOD.removesuffix(b"\r\n"),
        GOOD.replace(b"1\r\n\r\nbody", b"1"),
        b"",
        b"To: a\r\nSubject: b\r\n",
    ],
)
def test_scanner_refuses_any_difference(raw: bytes) -> None:
    """A missing, additional or misplaced header, or a wrong line end or octet, and the message is not sent."""
    with pytest.raises(UnsafeMessage):
        require_exactly(raw, MEANT)
