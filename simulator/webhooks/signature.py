"""Whether a webhook is signed as Standard Webhooks 1.0 says, by the names of its headers or by those of Svix.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

_TOLERANCE_S: Final = 300


def key_of(secret: str) -> bytes:
    """Return the key of a secret like `whsec_…`. Raises ValueError."""
    prefix, mark, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if prefix + mark != "whsec_" or not key:
        raise ValueError("a secret is whsec_ and base64")
    return key


def is_signed(headers: Mapping[str, str], body: bytes, *, key: bytes, received_at: datetime) -> bool:
    """Return whether both families of headers hold a signature of this key that was current when the post came."""
    return all(_is_signed(family, headers, body, key, received_at) for family in ("webhook", "svix"))


def _is_signed(family: str, headers: Mapping[str, str], body: bytes, key: bytes, received_at: datetime) -> bool:
    message_id, timestamp = headers.get(f"{family}-id", ""), headers.get(f"{family}-timestamp", "")
    if not timestamp.isdecimal() or abs(received_at.timestamp() - int(timestamp)) > _TOLERANCE_S:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = headers.get(f"{family}-signature", "").encode("latin-1").split(b" ")
    return any(hmac.compare_digest(expected, one) for one in given)
