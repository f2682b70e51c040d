"""Which databases DATABASE_URL may name."""

import pytest

from config_urls import usable_database

FILE = "sqlite:///postern.db"


@pytest.mark.parametrize("version", [(3, 35, 0), (3, 35, 2), (3, 40, 1), (3, 100, 0), (4, 0, 0)])
def test_a_sqlite_that_has_what_postern_calls_is_taken(version: tuple[int, ...]) -> None:
    """Versions are compared as numbers, and not as texts."""
    assert usable_database(FILE, sqlite=version) == FILE


@pytest.mark.parametrize("version", [(3, 6, 21), (3, 26, 0), (3, 34, 1)])
def test_an_older_sqlite_is_refused_and_postgresql_is_not(version: tuple[int, ...]) -> None:
    """The text has both versions."""
    found = ".".join(map(str, version))
    with pytest.raises(ValueError, match=rf"^SQLite is {found} here, and Postern needs 3\.35 or newer"):
        usable_database(FILE, sqlite=version)
    assert usable_database("postgresql://host/db", sqlite=version)
