"""The counts of the last hour by the minute, for those who watch whether email flows."""

from collections import Counter
from datetime import timedelta
from typing import Final

from app.domain.apps.callers import Caller, Scope
from app.domain.reporting.counted import Counted
from app.services.reporting.stats import Period, Stats
from app.store.engine.database import Database, clock
from app.store.reporting import minutes

_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)


class ReadLastHour:
    """Reads what the recipients of the last hour are counted as now, of all applications."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller) -> Stats:
        """Each minute of the last hour in which a recipient was accepted, and the sums. It is for admins.

        Of more than 50,000 recipients the newest are counted. Opens and clicks are not.
        """
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            until = clock(connection).replace(second=0, microsecond=0) + _MINUTE
            found = minutes.by_minute(connection, since=until - _HOUR)
        total: Counter[Counted] = Counter(dict.fromkeys(Counted, 0))
        for counts in found.values():
            total.update(counts)
        periods = tuple(Period(at, counts) for at, counts in found.items())
        return Stats(since=until - _HOUR, until=until, total=total, periods=periods)
