"""A witness of suppressions: the time from which each was certainly committed, by the database's own clock.

`created_at` is when its transaction began, which may be long before the row is visible. So the witness looks again and
again, without any proxy, and then reads the database's time: the rows that it has seen by then are committed.
"""

import threading
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database, clock
from app.store.tables.core import suppressions

LOOKS_EVERY_S = 0.1
LONGEST_TRANSACTION = timedelta(seconds=60)


class Witness:
    """Looks in a thread of its own; `seen` has the time when each suppression was first seen."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, pool_size=2)
        self.seen: dict[UUID, datetime] = {}
        self._newest: datetime | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="witness", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()
        self._database.close()

    def _look_on(self) -> None:
        while not self._over.wait(LOOKS_EVERY_S):
            try:
                self._look()
            except ServiceUnavailable:
                # The database is down: rows committed meanwhile are seen late, which causes no false finding.
                self._over.wait(LOOKS_EVERY_S)

    def _look(self) -> None:
        query = select(suppressions.c.id, suppressions.c.created_at)
        if self._newest is not None:
            query = query.where(suppressions.c.created_at > self._newest - LONGEST_TRANSACTION)
        with self._database.reading() as connection:
            found = {row.id: row.created_at for row in connection.execute(query)}
        if not found.keys() - self.seen.keys():
            return
        with self._database.reading() as connection:
            now = clock(connection)
        self._newest = max(found.values())
        self.seen = dict.fromkeys(found, now) | self.seen
