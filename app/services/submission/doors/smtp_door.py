"""What the SMTP door tells the other processes: that it is open, and what it has counted since it last said so."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from app.store.engine.database import Database
from app.store.operating import heartbeats, tallies

_LONGEST_NAME: Final = 120


class SmtpDoor:
    """The heartbeat of the SMTP door, and its counts."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def beat(self, name: str, tally: Mapping[tuple[str, str], int]) -> None:
        """Note that this process has its door open, and add the counts. Raises `ServiceUnavailable`."""
        with self._database.transaction() as connection:
            heartbeats.beat(connection, name[-_LONGEST_NAME:], kind=heartbeats.SMTP)
            tallies.add(connection, tally)

    def was_seen(self, *, within: timedelta) -> bool:
        """Whether a door was open in this time. Raises `ServiceUnavailable`."""
        with self._database.reading() as connection:
            return heartbeats.count_alive(connection, kind=heartbeats.SMTP, within=within) > 0
