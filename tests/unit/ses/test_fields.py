"""Fields of the SES door: names in encoded-words are read before anything else, and nothing else is read twice."""

from base64 import b64encode
from email.header import Header

import pytest
from pydantic import TypeAdapter, ValidationError

from app.domain.message.address import Mailbox
from app.web.ses.fields import BlobField, MailboxField
from tests.support.house.cpu import least_cpu_s

MAILBOX: TypeAdapter[Mailbox] = TypeAdapter(MailboxField)
BLOB: TypeAdapter[bytes] = TypeAdapter(BlobField)


@pytest.mark.parametrize(
    "text, name",
    [
        ("ann@example.com", None),
        ("<ann@example.com>", None),
        ("Ann Lee <ann@example.com>", "Ann Lee"),
        ('"Lee, Ann" <ann@example.com>', "Lee, Ann"),
        ("=?utf-8?q?J=C3=BCrgen?= <ann@example.com>", "Jürgen"),
        ('"=?UTF-8?B?SsO8cmdlbg==?=" <ann@example.com>', "Jürgen"),
        ("=?iso-8859-1?q?J=FCrgen?= Lee<ann@example.com>", "Jürgen Lee"),
        ("=?utf-8?q?Lee=2C?= =?utf-8?q?_J=C3=BCrgen?= <ann@example.com>", "Lee, Jürgen"),
        (f"{Header('ü' * 256, 'utf-8').encode(linesep='').replace(chr(10), '')} <ann@example.com>", "ü" * 256),
    ],
)
def test_a_mailbox_is_read_with_its_name(text: str, name: str | None) -> None:
    """As SES has its clients write it."""
    mailbox = MAILBOX.validate_python(text)
    assert (mailbox.name, mailbox.address.email) == (name, "ann@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?a=0D=0ABcc=3A_kim=40example.com?= <ann@example.com>",
        "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?= <ann@example.com>",
        "=?utf-8?q?a?= <kim@example.com> <ann@example.com>",
        "=?utf-8?q?a?= kim@example.com <ann@example.com>",
        "=?none?q?a=FF?= <ann@example.com>",
        "=?utf-8?q?a=E2=80=AEb?= <ann@example.com>",
        "=?utf-8?q?a?=@example.com",
        "ann@example.com, ben@example.com",
        "=?utf-8?q?a?= <ann@example.com>, <ben@example.com>",
    ],
)
def test_a_name_that_hides_something_is_refused(text: str) -> None:
    """Line breaks, other encoded-words, other addresses."""
    with pytest.raises(ValidationError):
        MAILBOX.validate_python(text)


@pytest.mark.parametrize("piece", ["=?", "=?a?=", "=?a?= ", '"=?', "<=?", "=?utf-8?b?", "=?a?q?b?= \t", '\\"'])
@pytest.mark.parametrize("end", ["", " \t" * 1000, "<ann@example.com>"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str, end: str) -> None:
    """No pattern goes back over it again and again: it would hold up every request of the process."""
    text = piece * ((4000 - len(end)) // len(piece)) + end

    def refuse() -> None:
        with pytest.raises(ValidationError):
            MAILBOX.validate_python(text)

    assert least_cpu_s(refuse) < 0.5


def test_bytes_are_base64() -> None:
    """What is none is refused, and not repeated."""
    assert BLOB.validate_python(b64encode(b"\0\xff").decode()) == b"\0\xff"
    for bad in ("!", 7, None, "A"):
        with pytest.raises(ValidationError):
            BLOB.validate_python(bad)
