"""Which submissions of a key are the same one: a client that was cut off after DATA sends its message again.

It is the same if Message-ID, content and recipients are, whatever the trace says that relays have put on top (RFC 5321
section 4.4). A message without a Message-ID is always a new one. A relay that splits a message sends each part to other
recipients, and each of them is a submission of its own. Pure.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from app.domain.apps.callers import Caller
from app.services.submission.idempotency import Idempotency

_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|\Z)")
_TRACE: Final = frozenset({b"received", b"return-path", b"x-received", b"delivered-to"})
_IDENTITY: Final = b"message-id"
_MOST_FIELDS: Final = 1000


def idempotency_of(caller: Caller, raw: bytes, recipients: Iterable[str]) -> Idempotency | None:
    """The idempotency key of this submission; None when nothing shows that two of them are the same.

    All that makes them the same is in the key itself: a message with the same Message-ID and another text is new.
    """
    digest = hashlib.sha256(caller.actor.encode())
    for recipient in sorted({one.lower() for one in recipients}):
        digest.update(recipient.encode() + b"\n")
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
    digest.update(raw[at:])
    if identities != 1:
        return None
    return Idempotency(key=f"smtp:{digest.hexdigest()}", fingerprint=digest.digest())
