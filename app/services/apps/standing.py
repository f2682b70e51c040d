"""What an application may know of itself: its recent email, whether it is paused, its streams. It changes nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.domain.apps.callers import Caller
from app.domain.moments import first_of_hour
from app.domain.reporting.counted import Counted
from app.store.apps import app_pauses, streams
from app.store.engine.database import Database, clock
from app.store.reporting import counts
from app.store.reporting.counts import Chosen

_A_DAY: Final = timedelta(days=1)
_STREAMS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`accepted` are the recipients of its email since the beginning of the hour a day ago.

    `streams` are sorted: the first thousand that have settings, and the default one.
    """

    accepted: int
    is_paused: bool
    streams: tuple[str, ...]


class ReadStanding:
    """Reads the standing of the application that asks."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller) -> Standing:
        """Its standing at this moment. It is paused when no email of it is sent. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            now = clock(connection)
            chosen = Chosen(since=first_of_hour(now - _A_DAY), until=now, app_id=caller.app_id)
            hours = counts.hours(connection, chosen)
            paused = app_pauses.budget_of(connection, caller.app_id).paused
            named = streams.page(connection, caller.app_id, limit=_STREAMS)
        return Standing(
            accepted=sum(numbers.get(Counted.ACCEPTED, 0) for numbers in hours.values()),
            is_paused=set(paused) >= set(app_pauses.LANES),
            streams=tuple(sorted({caller.default_stream, *(one.name for one in named)})),
        )
