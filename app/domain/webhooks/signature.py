"""The signature of an outgoing webhook (Standard Webhooks 1.0), with the header names of Svix and Resend beside it.

It decides what is signed and how a secret is written. A receiver verifies it with `standardwebhooks`, with `svix` or
with Resend's client. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import binascii
import hmac
import secrets as random
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = "whsec_"
_OCTETS: Final = 32
_LEAST, _MOST = 24, 64  # octets, by the specification


def new_secret() -> str:
    """A random secret of 32 octets: `whsec_` and base64."""
    return _PREFIX + b64encode(random.token_bytes(_OCTETS)).decode("ascii")


def secret_bytes(text: str) -> bytes:
    """The octets of a secret. Raises `ValueError` unless it is `whsec_` and base64 of 24 to 64 octets."""
    try:
        octets = b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if not text.startswith(_PREFIX) or not _LEAST <= len(octets) <= _MOST:
        raise ValueError(f"a signing secret is {_PREFIX} and the base64 of {_LEAST} to {_MOST} octets")
    return octets


def signed_headers(*, secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove a message: its id, its time (Unix seconds) and a signature by each of the secrets.

    Several secrets are there while one replaces another: a receiver needs one of them. Raises `ValueError` without any,
    and for an id with a full stop, which would let the parts of what is signed run into each other.
    """
    if not secrets:
        raise ValueError("a message is signed with at least one secret")
    if "." in message_id:
        raise ValueError("the id of a message has no full stop")
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = " ".join(f"v1,{b64encode(hmac.digest(one, signed, 'sha256')).decode('ascii')}" for one in secrets)
    parts = {"id": message_id, "timestamp": str(timestamp), "signature": signatures}
    return {f"{family}-{name}": value for family in ("webhook", "svix") for name, value in parts.items()}
