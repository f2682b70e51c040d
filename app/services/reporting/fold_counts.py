"""Fold what was counted into sums by hour and by day, and forget old hours. It changes no count."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from app.domain.moments import first_of_day
from app.store.engine.database import Database, clock
from app.store.reporting import counts

_HOURS_LAST: Final = timedelta(days=7)
_BATCH: Final = 5_000
_BATCHES: Final = 100


def first_hour_kept(now: datetime) -> datetime:
    """The first hour that has a count of its own. Before it only days have."""
    return first_of_day(now - _HOURS_LAST)


class FoldCounts:
    """Folds counts. It may run several times at once."""

    def __init__(self, *, database: Database, batch: int = _BATCH) -> None:
        self._database = database
        self._batch = batch

    def sweep(self) -> int:
        """Fold all changes and forget old hours, a batch or an hour in a transaction. How many of both."""
        return sum(1 for _ in self._done())

    def _done(self) -> Iterator[None]:
        for _ in range(_BATCHES):
            with self._database.transaction() as connection:
                folded = counts.fold(connection, limit=self._batch)
            if folded:
                yield
            if folded < self._batch:
                break
        for _ in range(_BATCHES):
            with self._database.transaction() as connection:
                if not counts.forget_hour(connection, before=first_hour_kept(clock(connection))):
                    break
            yield
