"""Links that carry an id and prove that this gateway wrote them: the token in the link, and where a link may lead.

A token is made for one purpose, names one row and holds no address. The keys are passed in, so that a token stays
genuine while the key that signed it is in the key ring. Whether the row still exists is for the caller to ask.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

KEY_ID: Final = 4
"""Octets of the id of a key."""

_TAG: Final = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{48}")  # 36 octets exactly, so that there is one way to write them
_NO_TOKEN, _NO_KEY = "A" * 48, bytes(32)

# Nothing that would have to be escaped in a header, in a text or in HTML.
_BASE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}(?:/[A-Za-z0-9._~/-]*)?")
_LONGEST_BASE: Final = 500


def write_token(purpose: bytes, row_id: UUID, keys: Mapping[bytes, bytes]) -> str:
    """The token of a row: 48 characters, signed with the first of `keys` (id to key)."""
    key_id, key = next(iter(keys.items()))
    named = key_id + row_id.bytes
    return urlsafe_b64encode(named + _sign(key, purpose + named)).decode("ascii")


def read_token(purpose: bytes, token: str, keys: Mapping[bytes, bytes]) -> UUID | None:
    """The row that a token names, or None unless one of `keys` signed it for this purpose.

    The work is the same for a genuine token, a forged one and a text that is no token.
    """
    is_one = _TOKEN.fullmatch(token) is not None
    raw = urlsafe_b64decode(token if is_one else _NO_TOKEN)
    named, tag = raw[:-_TAG], raw[-_TAG:]
    key_id, row_id = named[:KEY_ID], named[KEY_ID:]
    genuine = hmac.compare_digest(tag, _sign(keys.get(key_id, _NO_KEY), purpose + named))
    return UUID(bytes=row_id) if genuine and is_one and key_id in keys else None


def may_lead_to(base: str) -> bool:
    """Whether links below this URL are safe to follow: https, as RFC 8058 requires, or http on loopback."""
    if len(base) > _LONGEST_BASE or not _BASE.fullmatch(base):
        return False
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or _is_loopback(host or ""))


def _sign(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")[:_TAG]


def _is_loopback(host: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback
