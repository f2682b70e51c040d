"""The idempotency key of a request, and which requests with one key are the same request.

Two bodies are the same if they are the same JSON: the order of keys, white space and escapes do not count. `1`, `1.0`,
`true` and `"1"` are four values.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from app.domain.apps.callers import Caller
from app.domain.sending.trying import Mode


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's idempotency key and the fingerprint of the request that came with it.

    `as_sent` is the fingerprint of the bytes. It was the only one before, and an answer is remembered for hours: a
    repetition is recognised by either.
    """

    key: str
    fingerprint: bytes
    as_sent: bytes | None = None

    def is_of(self, remembered: bytes) -> bool:
        """Whether the request with this remembered fingerprint is the same."""
        return remembered in {self.fingerprint, self.as_sent}


def key_of_mode(caller: Caller, key: str) -> str:
    """The key as it is kept: a test must not be taken for the live request that follows it under the same key."""
    return key if caller.mode is Mode.LIVE else f"test:{hashlib.sha256(key.encode()).hexdigest()}"


def fingerprint(path: str, body: Any) -> bytes:
    """The SHA-256 of a request whose body is this JSON value."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(b"json\0" + path.encode() + b"\0" + text.encode()).digest()


def fingerprint_as_sent(path: str, body: bytes) -> bytes:
    """The SHA-256 of a request with these bytes as its body."""
    return hashlib.sha256(path.encode() + b"\0" + body).digest()
