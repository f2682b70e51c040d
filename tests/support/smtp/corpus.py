"""The cases of `tests/corpus/smtp`: what a client sends, and services that judge it by its octets alone."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from app.domain.apps.callers import Caller
from app.domain.errors import ValidationFailed
from app.domain.message.address import InvalidAddress, parse_address
from app.domain.message.raw.reader import read_raw
from app.domain.message.raw.rules import InvalidRaw
from app.services.submission.check import Obstacle
from app.services.submission.doors.submit_raw import RawReceipt
from tests.support.smtp.doors import FakeServices

CASES: Final = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted((Path(__file__).parents[2] / "corpus" / "smtp").glob("*.json"))
    for case in json.loads(file.read_text(encoding="utf-8"))
]
LARGEST: Final = 100_000
HEADER: Final = b"From: org@example.com\r\n\r\n"
PROBE: Final = b"VRFY nothing\r\n"
PROBED: Final = "252 2.5.0"
_CODES: Final = re.compile(r"\d{3}(?: \d\.\d\.\d+)?")


@dataclass
class StrictServices(FakeServices):
    """They refuse addresses and messages as the gateway does where no list, key or limit is asked."""

    def vet_recipient(self, _caller: Caller, address: str, _others: int) -> Obstacle | None:
        """An obstacle for what is no address."""
        try:
            parse_address(address)
        except InvalidAddress as error:
            return Obstacle(code="invalid", detail=str(error))
        return None

    def submit(
        self, caller: Caller, raw: bytes, envelope: tuple[str, ...], *, content: bytes | None, request_id: UUID
    ) -> RawReceipt:
        """Keep what is a message."""
        try:
            read_raw(raw)
        except InvalidRaw as error:
            raise ValidationFailed("The message breaks a rule.", faults=error.faults) from error
        return super().submit(caller, raw, envelope, content=content, request_id=request_id)


def octets(text: str | dict[str, Any] | list[Any]) -> bytes:
    """The octets that a text of the corpus stands for: a character each, `repeat` and `times`, or a list of these."""
    if isinstance(text, str):
        return text.encode("latin-1")
    if isinstance(text, dict):
        return octets(text["repeat"]) * int(text["times"])
    return b"".join(map(octets, text))


def kept(case: dict[str, Any]) -> list[tuple[bytes, tuple[str, ...]]]:
    """The bodies and the recipients of the messages that the case says are kept."""
    bodies = [octets(one) for one in case.get("kept", [])]
    recipients = [tuple(one) for one in case.get("to", [["ann@example.net"]] * len(bodies))]
    return list(zip(bodies, recipients, strict=True))


def bodies_of(submitted: Iterable[tuple[bytes, tuple[str, ...]]]) -> list[tuple[bytes, tuple[str, ...]]]:
    """What was submitted, without the headers."""
    return [(raw.partition(b"\r\n\r\n")[2], recipients) for raw, recipients in submitted]


def codes_of(reply: str) -> str:
    """The code of a reply, and its status if it has one."""
    found = _CODES.match(reply)
    assert found, reply
    return found[0]
