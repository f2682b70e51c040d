"""A verdict does not depend on how TCP cuts what a client sends: the cases of `tests/corpus/smtp`, octet by octet."""

import asyncio
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

import pytest

from app.smtp.connection import Connection
from app.smtp.door import Door, Patience
from app.smtp.open_door import make_door
from tests.smtp_fuzz.hurried import HurriedLoop, NoThreads
from tests.support.gateway.gateways import settings_for
from tests.support.smtp.corpus import CASES, HEADER, LARGEST, StrictServices, bodies_of, codes_of, kept, octets
from tests.support.smtp.dialogues import PLAIN
from tests.support.smtp.transports import MemoryTransport

_SIGNED_IN = f"EHLO client.example\r\n{PLAIN}\r\n".encode()
_MAIL = _SIGNED_IN + b"MAIL FROM:<org@example.com>\r\n"
_READY = _MAIL + b"RCPT TO:<ann@example.net>\r\n"
_BEFORE = {
    "connected": b"",
    "greeted": b"EHLO client.example\r\n",
    "signed in": _SIGNED_IN,
    "mail": _MAIL,
    "ready": _READY,
    "message": _READY + b"DATA\r\n",
    "body": _READY + b"DATA\r\n" + HEADER,
}
_LONGEST = 2000


def text_of(case: dict[str, Any]) -> bytes:
    """All that the client of the case sends."""
    return octets([one for one in case["send"] if one is not None])


def is_fit(case: dict[str, Any]) -> bool:
    """Whether octets may come one by one, in the clear, and are few enough for it."""
    text = text_of(case)
    return not case.get("at_once") and b"STARTTLS" not in text and len(text) < _LONGEST


@pytest.fixture(scope="module")
def services() -> StrictServices:
    return StrictServices()


@pytest.fixture(scope="module")
def door(services: StrictServices) -> Door:
    settings = settings_for("sqlite:///unused.db", "redis://127.0.0.1:1/0", smtp_clear_auth_on_loopback=True)
    changed = settings.model_copy(update={"smtp_knows_repeats": False})
    made = make_door(changed, services.as_services(), patience=Patience())
    made.threads.close()
    return replace(made, threads=NoThreads(1, most_waiting=0), rules=replace(made.rules, largest=LARGEST))


@pytest.mark.parametrize("case", [one for one in CASES if is_fit(cast("dict[str, Any]", one.values[0]))])
def test_octets_that_come_one_by_one_get_the_same_verdict(
    case: dict[str, Any], door: Door, services: StrictServices
) -> None:
    """The replies and the messages of the corpus, and the session ends where it says so."""
    services.submitted.clear()
    with closing(HurriedLoop()) as loop:
        said, has_ended = loop.run_until_complete(play(door, _BEFORE[case["state"]], text_of(case)))
    assert [codes_of(line) for line in said] == case["replies"]
    assert has_ended == (case.get("after") == "ended")
    assert bodies_of(services.submitted) == kept(case)


async def play(door: Door, before: bytes, text: bytes) -> tuple[list[str], bool]:
    """The last lines of the replies to the text, and whether the door has ended the session by then."""
    connection = Connection(door)
    transport = MemoryTransport(connection)
    connection.data_received(before)
    await asyncio.sleep(1)
    seen = len(transport.written)
    for octet in text:
        connection.data_received(bytes([octet]))
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    lines = bytes(transport.written[seen:]).decode().splitlines()
    has_ended = transport.has_written_eof or transport.is_closing()
    transport.abort()
    await transport.closed.wait()
    return [line for line in lines if line[3:4] != "-"], has_ended


def test_a_client_that_reads_no_reply_is_not_heard(door: Door) -> None:
    """TLS answers some of what a client says by itself: those answers would fill the memory, unread."""

    async def play() -> list[bool]:
        connection = Connection(door)
        transport = MemoryTransport(connection)
        connection.pause_writing()
        connection.data_received(b"NOOP\r\n")
        heard = [transport.is_reading()]
        connection.resume_writing()
        heard.append(transport.is_reading())
        transport.abort()
        await transport.closed.wait()
        return heard

    assert asyncio.run(play()) == [False, True]
