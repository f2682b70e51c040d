"""The entries that a dry run would have put, so that a name that comes twice is reported as in a real run.

They are kept in a temporary file that only this process sees and that ends with it, since a list may be larger than
memory. https://www.sqlite.org/inmemorydb.html#temp_db
"""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from app.store.suppression.bulk import PlaceName

_CHUNK: Final = 500
_MAKE: Final = (
    "CREATE TABLE places (key TEXT, scope TEXT, origin TEXT, expires_at TEXT, PRIMARY KEY (key, scope)) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """An entry that would have been put."""

    origin: str
    expires_at: datetime | None


class Rehearsal:
    """A rehearsal of the list. Use it as a context manager."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute(_MAKE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, entries: Mapping[PlaceName, Rehearsed]) -> None:
        """Store the entries that would have been put in these slots."""
        rows = [(*name, one.origin, one.expires_at and one.expires_at.isoformat()) for name, one in entries.items()]
        self._file.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", rows)

    def among(self, keys: Collection[str]) -> dict[PlaceName, Rehearsed]:
        """The entries that would have been put under these keys."""
        wanted = list(keys)
        found: dict[PlaceName, Rehearsed] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            rows = self._file.execute(f"SELECT * FROM places WHERE key IN ({marks})", chunk)  # noqa: S608 - only marks
            for key, scope, origin, ends in rows:
                found[key, scope] = Rehearsed(origin, datetime.fromisoformat(ends) if ends else None)
        return found
