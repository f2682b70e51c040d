"""Which submissions are the same one: those that a client sends again since it was cut off."""

from dataclasses import replace

import pytest

from app.smtp.repetition import content_of
from tests.support.smtp.doors import CALLER

MESSAGE = b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Hi\r\n\r\nReceived: in the text\r\n"
RECEIVED = b"Received: from a by b;\r\n\tMon, 30 Nov 2026 00:00:00 +0000\r\n"


def content(raw: bytes = MESSAGE, actor: str = CALLER.actor) -> bytes | None:
    return content_of(replace(CALLER, actor=actor), raw)


@pytest.mark.parametrize(
    "raw",
    [
        MESSAGE,
        RECEIVED + MESSAGE,
        b"Return-Path: <a@example.com>\r\n" + RECEIVED * 3 + MESSAGE,
        b"RECEIVED : by c\r\n" + MESSAGE,
    ],
)
def test_it_is_the_same(raw: bytes) -> None:
    """Whatever relays have put on top."""
    assert content(raw) == content()


@pytest.mark.parametrize(
    "raw, actor",
    [
        (MESSAGE + b"More.\r\n", CALLER.actor),
        (MESSAGE.replace(b"in the text", b"in a text"), CALLER.actor),
        (MESSAGE.replace(b"Hi", b"Ho"), CALLER.actor),
        (MESSAGE.replace(b"<1@", b"<2@"), CALLER.actor),
        (MESSAGE, "key:mnopqrstuvwx"),
    ],
)
def test_it_is_another_one(raw: bytes, actor: str) -> None:
    """With another text, Message-ID or key. So nothing is lost as a repetition."""
    assert content(raw, actor) != content()


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
    assert content(raw) is None
