"""Tokens that stand for addresses in URLs, so that no address is in a log, a history or a bookmark.

A token is the address, encrypted under a key of the ring (AES-SIV, RFC 5297). The same address has the same token, so a
URL stays the same. Whoever has a token learns nothing without a sign-in.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_LONGEST: Final = 1_000


class AddressTokens:
    """Writes tokens with the first of the keys, and reads those of all."""

    def __init__(self, keys: Mapping[bytes, bytes]) -> None:
        self._ciphers = tuple(AESSIV(key) for key in keys.values())

    def write(self, address: str) -> str:
        """The token of an address or a domain."""
        return urlsafe_b64encode(self._ciphers[0].encrypt(address.encode(), None)).decode("ascii").rstrip("=")

    def read(self, token: str) -> str | None:
        """The address that a token stands for, or None when it is none of ours."""
        if len(token) > _LONGEST:
            return None
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        return next((found for cipher in self._ciphers if (found := _opened(cipher, raw)) is not None), None)


def _opened(cipher: AESSIV, raw: bytes) -> str | None:
    try:
        return cipher.decrypt(raw, None).decode()
    except (InvalidTag, ValueError):
        return None
