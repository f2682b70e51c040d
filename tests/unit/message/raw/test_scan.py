"""The last look at a raw message: exactly the intended fields and the accepted body, in lines that all read alike."""

import pytest

from app.domain.message.mime import RAW_LIMIT, UnsafeMessage
from app.domain.message.raw.scan import require_exactly

NAMES = ("X-Postern-Recipient", "From", "Subject")
HEADER = b"X-Postern-Recipient: 1\r\nFrom: a@example.com\r\nSubject: a\r\n\tb\r\n"
BODY = b"Hello\r\n\r\nthere"


def test_what_was_meant_passes() -> None:
    """With folded fields, 8-bit octets, an open last line, and as large as SES takes."""
    require_exactly(HEADER + b"\r\n" + BODY, NAMES, BODY, ours=1)
    eight_bit = b"a" * 998 + b"\r\n\xff"
    require_exactly(HEADER + b"\r\n" + eight_bit, NAMES, eight_bit, ours=1)
    room = RAW_LIMIT - len(HEADER) - 2
    largest = (b"a" * 998 + b"\r\n") * (room // 1000) + b"b" * (room % 1000)
    require_exactly(HEADER + b"\r\n" + largest, NAMES, largest, ours=1)
    with pytest.raises(UnsafeMessage):
        require_exactly(HEADER + b"\r\n\r\n" + largest, NAMES, b"\r\n" + largest, ours=1)


@pytest.mark.parametrize(
    "whole, names, body, ours",
    [
        (HEADER + b"\r\n" + BODY, NAMES[:2], BODY, 1),
        (HEADER + b"\r\n" + BODY, (NAMES[0], NAMES[2], NAMES[1]), BODY, 1),
        (HEADER + b"\r\n" + BODY, NAMES, BODY + b".", 1),
        (HEADER + b"\r\n" + BODY, NAMES, BODY, 0),
        (HEADER[:-2], NAMES, b"", 1),
        (HEADER + b"To: b\r\n\r\n" + BODY, NAMES, BODY, 1),
        (HEADER + b"no field\r\n\r\n", NAMES, b"", 1),
        (HEADER + b" \r\n\r\n", NAMES, b"", 1),
        (b" " + HEADER + b"\r\n", NAMES, b"", 1),
        (HEADER + b"\r\na\nb", NAMES, b"a\nb", 1),
        (HEADER + b"\r\na\rb", NAMES, b"a\rb", 1),
        (HEADER + b"\r\na\0b", NAMES, b"a\0b", 1),
        (HEADER + b"\r\n" + b"a" * 999, NAMES, b"a" * 999, 1),
        (HEADER + b"Subject: c\r\n\r\n", (*NAMES, "Subject"), b"", 1),
        (HEADER + b"From: b@example.com\r\n\r\n", (*NAMES, "From"), b"", 1),
        (HEADER + b"Bcc: b@example.com\r\n\r\n", (*NAMES, "Bcc"), b"", 1),
        (b"Subject: a\r\n\r\n", ("Subject",), b"", 0),
    ],
)
def test_anything_else_is_not_sent(whole: bytes, names: tuple[str, ...], body: bytes, ours: int) -> None:
    """Other fields or bodies than the intended ones, and what must never leave."""
    with pytest.raises(UnsafeMessage):
        require_exactly(whole, names, body, ours=ours)
