"""Which messages of a key are the same one: a client that was cut off after DATA sends its message again.

It is the same if Message-ID and content are, whatever the trace says that relays have put on top (RFC 5321 section
4.4). A message without a Message-ID is always a new one. Pure.
"""

import hashlib
import re
from typing import Final

from app.domain.apps.callers import Caller

_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|\Z)")
_TRACE: Final = frozenset({b"received", b"return-path", b"x-received", b"delivered-to"})
_IDENTITY: Final = b"message-id"
_MOST_FIELDS: Final = 1000


def content_of(caller: Caller, raw: bytes) -> bytes | None:
    """A digest of what makes messages of this key the same; None when nothing shows that two of them are."""
    digest = hashlib.sha256(caller.actor.encode())
    at = identities = 0
    for _ in range(_MOST_FIELDS):
        field = _FIELD.match(raw, at)
        if field is None:
            break
        name = field[1].lower()
        identities += name == _IDENTITY
        if name not in _TRACE:
            digest.update(field[0])
        at = field.end()
    digest.update(memoryview(raw)[at:])
    if identities != 1:
        return None
    return digest.digest()
