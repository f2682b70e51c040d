"""The names under which people stay on the list after they were forgotten: keyed hashes of their addresses.

It decides how such a name is made: with a random key that is kept in the database, sealed under `SECRET_KEYS`. So every
key of that ring can be retired, and a copy of the database alone tells nobody's address. It never maps a name back.
"""

import os
import threading
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final

from sqlalchemy import Connection, select

from app.domain.errors import ServiceUnavailable
from app.domain.pseudonym import PREFIX
from app.store.db import Database, add_once, now
from app.store.ids import new_id
from app.store.models import peppers
from app.store.sealing import KeyRing, Sealed

_PURPOSE: Final = "pseudonyms"
_DIGEST: Final = 16
_KEY: Final = 32


class Pseudonyms:
    """Makes pseudonyms. Asks the database once for its key, and makes one where there is none."""

    def __init__(self, database: Database, key_ring: KeyRing) -> None:
        self._database = database
        self._key_ring = key_ring
        self._lock = threading.Lock()
        self._pepper: bytes | None = None

    def __call__(self, key: str) -> str:
        """The pseudonym of a suppression key: `#` and 22 characters.

        Raises `ServiceUnavailable` while the database is away, and `Unsealable` when no key of the ring opens its key.
        """
        digest = blake2b(key.encode(), key=self._known(), digest_size=_DIGEST).digest()
        return PREFIX + urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _known(self) -> bytes:
        with self._lock:
            if self._pepper is None:
                self._pepper = self._read() or self._make()
            return self._pepper

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
        with self._database.reading() as connection:
            return _stored(connection, self._key_ring)


def _stored(connection: Connection, key_ring: KeyRing) -> bytes | None:
    row = connection.execute(select(peppers).where(peppers.c.purpose == _PURPOSE)).one_or_none()
    return key_ring.open(Sealed(row.sealed, row.sealed_key), row_id=row.id) if row else None
