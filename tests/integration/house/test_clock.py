"""The one clock: the database's, also where no transaction is open and whatever the host believes."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.errors import ServiceUnavailable
from app.store.clock import DatabaseClock
from app.store.db import Database, clock


class Seconds:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.passed = 100.0

    def __call__(self) -> float:
        return self.passed


def test_it_is_the_database_s_and_goes_on_between_two_questions(database_url: str) -> None:
    """Asked once, it counts the seconds by itself; a minute later it asks again."""
    database, seconds = Database(database_url), Seconds()
    ours = DatabaseClock(database, monotonic=seconds)
    first = ours()
    with database.reading() as connection:
        assert abs(clock(connection) - first) < timedelta(seconds=30)
    seconds.passed += 50
    assert ours() - first == timedelta(seconds=50)
    seconds.passed += 3600
    assert ours() - first < timedelta(minutes=5)
    database.close()


def test_it_goes_on_while_the_database_is_away(tmp_path: Path) -> None:
    """What was known once is carried on; what was never known is said not to be."""
    file = tmp_path / "postern.sqlite3"
    database, seconds = Database(f"sqlite:///{file}"), Seconds()
    ours = DatabaseClock(database, monotonic=seconds)
    first = ours()
    database.close()
    file.unlink()
    file.mkdir()
    seconds.passed += 61
    assert ours() - first == timedelta(seconds=61)
    with pytest.raises(ServiceUnavailable):
        DatabaseClock(database)()
