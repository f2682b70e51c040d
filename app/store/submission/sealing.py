"""Bodies at rest: sealed with a key of their own, which is itself sealed under a ring of keys.

Each mail has a random AES-256-GCM key; the ring only wraps those, so a ring rotation rewrites 64 bytes a mail, and
deleting the wrapped key erases the body in every backup that has no copy of it. It decides nothing about when that
happens.
"""

import hashlib
import os
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_KEY_ID = 4


class Unsealable(Exception):
    """The body cannot be opened: its key is not in the ring, or the row was altered."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed body and its wrapped key, as stored."""

    body: bytes
    key: bytes


class KeyRing:
    """Seals with the newest key, opens with whichever key sealed."""

    def __init__(self, keys: Sequence[str]) -> None:
        material = [urlsafe_b64decode(key + "=") for key in keys]
        self._by_id = {_key_id(key): AESGCM(key) for key in material}
        self._newest = _key_id(material[0])
        self._material = material

    def seal(self, body: bytes, *, row_id: UUID) -> Sealed:
        """Seal a body so that it opens only as that of this row."""
        data_key = AESGCM.generate_key(256)
        return Sealed(
            body=_encrypt(AESGCM(data_key), body, row_id),
            key=self._newest + _encrypt(self._by_id[self._newest], data_key, row_id),
        )

    def open(self, sealed: Sealed, *, row_id: UUID) -> bytes:
        """The body. Raises `Unsealable`."""
        wrapping = self._by_id.get(sealed.key[:_KEY_ID])
        if wrapping is None:
            raise Unsealable("sealed with a key that is not in SECRET_KEYS")
        try:
            data_key = _decrypt(wrapping, sealed.key[_KEY_ID:], row_id)
            return _decrypt(AESGCM(data_key), sealed.body, row_id)
        except InvalidTag as error:
            raise Unsealable("the sealed body was altered") from error

    def derive(self, purpose: str) -> bytes:
        """A stable 32-byte key for another purpose. From the oldest key, so that adding a newer one changes no hash."""
        return _derived(self._material[-1], purpose)

    def derive_each(self, purpose: str) -> dict[bytes, bytes]:
        """A stable 32-byte key for another purpose from every key of the ring, by key id, the newest first."""
        return {_key_id(key): _derived(key, purpose) for key in self._material}


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_KEY_ID]


def _derived(key: bytes, purpose: str) -> bytes:
    return hashlib.blake2b(purpose.encode(), key=key, digest_size=32).digest()


def _encrypt(cipher: AESGCM, plain: bytes, row_id: UUID) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, row_id.bytes)


def _decrypt(cipher: AESGCM, sealed: bytes, row_id: UUID) -> bytes:
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], row_id.bytes)
