"""Bodies at rest: each is sealed with its own key, which is itself sealed under a ring of keys.

Each email has a random AES-256-GCM key. The ring only wraps those, so a ring rotation rewrites 64 bytes per email, and
deleting the wrapped key erases the body in every backup that has no copy of it. When that happens is not decided here.
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
_KEY = 32


class Unsealable(Exception):
    """A sealed value cannot be opened, and no setting helps: it was altered, or it was erased."""


class UnknownSealingKey(Exception):
    """It is sealed with a key that this process does not have: the fault of its settings, not of the row.

    It is no `Unsealable`, so that code which gives up lost bodies cannot give up this one by accident. `key_id` is the
    id of the missing key as `postern secret check` prints it.
    """

    def __init__(self, key_id: str) -> None:
        super().__init__(f"sealed with the key {key_id}, which is not in the SECRET_KEYS of this process")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed body and its wrapped key, as stored."""

    body: bytes
    key: bytes


class KeyRing:
    """Seals with the first key, and opens with the key that sealed.

    `key_ids` are the ids of its keys in order, the one that seals first.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        material = [urlsafe_b64decode(key + "=") for key in keys]
        self._by_id = {_key_id(key): AESGCM(key) for key in material}
        self.key_ids = tuple(self._by_id)
        self._material = material

    def seal(self, body: bytes, *, row_id: UUID) -> Sealed:
        """Seal a body so that it opens only for this row."""
        data_key = AESGCM.generate_key(256)
        return Sealed(body=_encrypt(AESGCM(data_key), body, row_id), key=self._wrap(data_key, row_id))

    def open(self, sealed: Sealed, *, row_id: UUID) -> bytes:
        """The body. Raises `UnknownSealingKey` when no key of the ring sealed it, and `Unsealable`."""
        data_key = self._unwrap(sealed.key, row_id)
        try:
            return _decrypt(AESGCM(data_key), sealed.body, row_id)
        except InvalidTag as error:
            raise Unsealable("the sealed body was altered") from error

    def seals_as(self, wrapped: bytes) -> bool:
        """Whether a wrapped key is under the key that seals now."""
        return key_id_of(wrapped) == self.key_ids[0]

    def rewrap(self, wrapped: bytes, *, row_id: UUID) -> bytes:
        """The same key wrapped under the first key of the ring. What it opens stays as it is.

        Raises `UnknownSealingKey` and `Unsealable`.
        """
        return self._wrap(self._unwrap(wrapped, row_id), row_id)

    def derive(self, purpose: str) -> bytes:
        """A stable 32-byte key for another purpose, from the oldest key, so that adding a newer one changes no hash."""
        return _derived(self._material[-1], purpose)

    def derive_each(self, purpose: str) -> dict[bytes, bytes]:
        """A stable 32-byte key for another purpose from every key of the ring, by key id, the newest first."""
        return {_key_id(key): _derived(key, purpose) for key in self._material}

    def _wrap(self, data_key: bytes, row_id: UUID) -> bytes:
        first = self.key_ids[0]
        return first + _encrypt(self._by_id[first], data_key, row_id)

    def _unwrap(self, wrapped: bytes, row_id: UUID) -> bytes:
        wrapping = self._by_id.get(key_id_of(wrapped))
        if wrapping is None:
            raise UnknownSealingKey(key_id_of(wrapped).hex())
        try:
            return _decrypt(wrapping, wrapped[_KEY_ID:], row_id)
        except InvalidTag as error:
            raise Unsealable("the sealed body was altered") from error


def key_id_of(wrapped: bytes) -> bytes:
    """The id of the key of `SECRET_KEYS` that a wrapped key is under."""
    return wrapped[:_KEY_ID]


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_KEY_ID]


def _derived(key: bytes, purpose: str) -> bytes:
    return hashlib.blake2b(purpose.encode(), key=key, digest_size=32).digest()


def _encrypt(cipher: AESGCM, plain: bytes, row_id: UUID) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, row_id.bytes)


def _decrypt(cipher: AESGCM, sealed: bytes, row_id: UUID) -> bytes:
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], row_id.bytes)
