"""What a dry run would have put on the list, so that a name that comes twice is told as it would be in earnest.

It is kept in a file of its own that nobody sees and that is gone with the process, since a list may be longer than
memory. https://www.sqlite.org/inmemorydb.html#temp_db
"""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from app.store.suppression_bulk import PlaceName

_CHUNK: Final = 500
_MAKE: Final = (
    "CREATE TABLE places (key TEXT, scope TEXT, origin TEXT, expires_at TEXT, PRIMARY KEY (key, scope)) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """An entry that would stand there."""

    origin: str
    expires_at: datetime | None


class Rehearsal:
    """A list beside the list. Use it as a context manager."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute(_MAKE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, entries: Mapping[PlaceName, Rehearsed]) -> None:
        """Remember what would stand in these places."""
        rows = [(*name, one.origin, one.expires_at and one.expires_at.isoformat()) for name, one in entries.items()]
        self._file.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", rows)

    def among(self, keys: Collection[str]) -> dict[PlaceName, Rehearsed]:
        """What would stand under these keys."""
        wanted = list(keys)
        found: dict[PlaceName, Rehearsed] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            rows = self._file.execute(f"SELECT * FROM places WHERE key IN ({marks})", chunk)  # noqa: S608 - only marks
            for key, scope, origin, ends in rows:
                found[key, scope] = Rehearsed(origin, datetime.fromisoformat(ends) if ends else None)
        return found
