"""Which submissions are the same one: those that a client sends again since it was cut off."""

from dataclasses import replace

import pytest

from app.smtp.repetition import idempotency_of
from tests.support.smtp.doors import CALLER

MESSAGE = b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Hi\r\n\r\nReceived: in the text\r\n"
RECEIVED = b"Received: from a by b;\r\n\tMon, 30 Nov 2026 00:00:00 +0000\r\n"
TO = ("ann@example.net", "bob@example.net")


def key(raw: bytes = MESSAGE, recipients: tuple[str, ...] = TO, actor: str = CALLER.actor) -> str | None:
    found = idempotency_of(replace(CALLER, actor=actor), raw, recipients)
    return found.key if found else None


@pytest.mark.parametrize(
    "raw, recipients",
    [
        (MESSAGE, TO),
        (MESSAGE, TO[::-1]),
        (MESSAGE, ("Ann@Example.net", "bob@example.net", "bob@example.net")),
        (RECEIVED + MESSAGE, TO),
        (b"Return-Path: <a@example.com>\r\n" + RECEIVED * 3 + MESSAGE, TO),
        (b"RECEIVED : by c\r\n" + MESSAGE, TO),
    ],
)
def test_it_is_the_same(raw: bytes, recipients: tuple[str, ...]) -> None:
    """Whatever the order of the recipients is, and whatever relays have put on top."""
    assert key(raw, recipients) == key()


@pytest.mark.parametrize(
    "raw, recipients, actor",
    [
        (MESSAGE + b"More.\r\n", TO, CALLER.actor),
        (MESSAGE.replace(b"in the text", b"in a text"), TO, CALLER.actor),
        (MESSAGE.replace(b"Hi", b"Ho"), TO, CALLER.actor),
        (MESSAGE.replace(b"<1@", b"<2@"), TO, CALLER.actor),
        (MESSAGE, TO[:1], CALLER.actor),
        (MESSAGE, TO, "key:mnopqrstuvwx"),
    ],
)
def test_it_is_another_one(raw: bytes, recipients: tuple[str, ...], actor: str) -> None:
    """With another text, Message-ID, recipient or key. So nothing is lost as a repetition."""
    assert key(raw, recipients, actor) != key()


@pytest.mark.parametrize(
    "raw",
    [
        MESSAGE.replace(b"Message-ID: <1@example.com>\r\n", b""),
        b"Message-ID: <2@example.com>\r\n" + MESSAGE,
        b"no header",
        b"",
        b"\r\nMessage-ID: <1@example.com>\r\n",
    ],
)
def test_without_one_message_id_nothing_is_the_same(raw: bytes) -> None:
    """A message that names itself not at all, or twice, is always a new one."""
    assert key(raw) is None
