"""The one clock is the database's, even where no transaction is open and whatever the host's clock says."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.errors import ServiceUnavailable
from app.store.engine.clock import DatabaseClock
from app.store.engine.database import Database, clock


class Seconds:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.passed = 100.0

    def __call__(self) -> float:
        return self.passed


def test_the_clock_follows_the_database_and_runs_on_between_two_queries(database_url: str) -> None:
    """The clock asks the database once and then counts the seconds itself; after a minute it asks again."""
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


def test_the_clock_runs_on_while_the_database_is_away(tmp_path: Path) -> None:
    """A time that was read once is carried on; a time that was never read raises an error."""
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
