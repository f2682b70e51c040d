"""AUTH PLAIN (RFC 4616) and AUTH LOGIN: from the answers of a client to a user name and a password. Pure."""

import base64
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

USERNAME, PASSWORD = base64.b64encode(b"Username:").decode(), base64.b64encode(b"Password:").decode()
MECHANISMS: Final = ("PLAIN", "LOGIN")
_LONGEST: Final = 512


class Malformed(ValueError):
    """An answer is not what the mechanism asks for."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs in with."""

    user: str
    password: str = field(repr=False)


Exchange = Generator[str, str, Credentials]
"""Yields each challenge, is sent each answer, both in base64, and returns the credentials. Raises `Malformed`."""


def exchange(mechanism: str, initial: str | None) -> Exchange:
    """The exchange of this mechanism; `initial` is the response on the line of AUTH, if there was one."""
    return _plain(initial) if mechanism == "PLAIN" else _login(initial)


def _plain(initial: str | None) -> Exchange:
    answer = initial if initial is not None else (yield "")
    parts = _decoded(answer).split("\0")
    if len(parts) != 3:
        raise Malformed
    acting_for, user, password = parts
    if acting_for not in {"", user}:
        raise Malformed
    return Credentials(user, password)


def _login(initial: str | None) -> Exchange:
    user = initial if initial is not None else (yield USERNAME)
    password = yield PASSWORD
    return Credentials(_decoded(user), _decoded(password))


def _decoded(answer: str) -> str:
    """RFC 4954: an initial response of zero length is sent as `=`."""
    if answer == "=":
        return ""
    try:
        raw = base64.b64decode(answer, validate=True)
        if len(raw) > _LONGEST:
            raise Malformed
        return raw.decode()
    except ValueError as error:  # no base64, no ASCII, or no UTF-8 within
        raise Malformed from error
