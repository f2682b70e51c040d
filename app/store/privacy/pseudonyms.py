"""Names for people who stay on the list after they were forgotten: keyed hashes of their addresses.

This module decides how such a name is made: with a random key that is kept in the database, sealed under `SECRET_KEYS`.
A process that opens it under an older key reseals it under the first, so every key of that ring can be retired. A copy
of the database alone reveals no address. Names are never mapped back.
"""

import os
import threading
from base64 import urlsafe_b64encode
from contextlib import suppress
from hashlib import blake2b
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from app.domain.errors import ServiceUnavailable
from app.domain.privacy.pseudonym import PREFIX
from app.store.engine.database import Database, add_once, now
from app.store.engine.ids import new_id
from app.store.submission.sealing import KeyRing, Sealed, UnknownSealingKey, Unsealable
from app.store.tables.core import peppers

_PURPOSE: Final = "pseudonyms"
_DIGEST: Final = 16
_KEY: Final = 32
_PATIENCE_S: Final = 2.0


class Pseudonyms:
    """Makes pseudonyms. Reads their key from the database once, and creates it if there is none."""

    def __init__(self, database: Database, key_ring: KeyRing) -> None:
        self._database = database
        self._key_ring = key_ring
        self._lock = threading.Lock()
        self._pepper: bytes | None = None

    @property
    def is_open(self) -> bool:
        """Whether this process has the key already."""
        return self._pepper is not None

    def __call__(self, key: str) -> str:
        """The pseudonym of a suppression key: `#` and 22 characters.

        Raises `ServiceUnavailable` while the database is away, and while no key of the ring opens its key.
        """
        try:
            pepper = self._known()
        except (UnknownSealingKey, Unsealable) as error:
            raise ServiceUnavailable("Postern lacks a key of its own: see /readyz.", retry_after=5) from error
        digest = blake2b(key.encode(), key=pepper, digest_size=_DIGEST).digest()
        return PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check(self) -> None:
        """Open the stored key, if there is one, even if this process has it already. It changes nothing.

        Raises `UnknownSealingKey`, `Unsealable`, and `ServiceUnavailable` while the database is away.
        """
        if (stored := self._stored()) is not None:
            self._key_ring.open(stored[1], row_id=stored[0])

    def renew(self) -> None:
        """Open the stored key, if there is one, and reseal it under the first key. Raises as `check` does."""
        self._read()

    def _known(self) -> bytes:
        if self._pepper is not None:
            return self._pepper
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise ServiceUnavailable("The key of the pseudonyms is being read; repeat the request.", retry_after=1)
        try:
            if self._pepper is None:
                self._pepper = self._read() or self._make()
            return self._pepper
        finally:
            self._lock.release()

    def _make(self) -> bytes:
        row_id = new_id()
        sealed = self._key_ring.seal(os.urandom(_KEY), row_id=row_id)
        with self._database.transaction() as connection:
            add_once(
                connection,
                peppers,
                id=row_id,
                purpose=_PURPOSE,
                sealed=sealed.body,
                sealed_key=sealed.key,
                created_at=now(),
            )
        pepper = self._read()
        if pepper is None:
            raise ServiceUnavailable("The key of the pseudonyms could not be read back; repeat the request.")
        return pepper

    def _read(self) -> bytes | None:
        stored = self._stored()
        if stored is None:
            return None
        row_id, sealed = stored
        pepper = self._key_ring.open(sealed, row_id=row_id)
        if not self._key_ring.seals_as(sealed.key):
            # A database that cannot write now is no reason to refuse: the next process that reads the key tries again.
            with suppress(ServiceUnavailable):
                self._seal_again(row_id, sealed)
        return pepper

    def _seal_again(self, row_id: UUID, sealed: Sealed) -> None:
        """Store the key wrapped under the first key, unless it was changed since it was read."""
        wrapped = self._key_ring.rewrap(sealed.key, row_id=row_id)
        as_read = (peppers.c.id == row_id) & (peppers.c.sealed_key == sealed.key)
        with self._database.transaction() as connection:
            connection.execute(update(peppers).where(as_read).values(sealed_key=wrapped))

    def _stored(self) -> tuple[UUID, Sealed] | None:
        with self._database.reading() as connection:
            row = connection.execute(select(peppers).where(peppers.c.purpose == _PURPOSE)).one_or_none()
        return (row.id, Sealed(bytes(row.sealed), bytes(row.sealed_key))) if row else None
