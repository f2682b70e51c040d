"""Whether a database was made by `./postern up` or `demo`: it has their mark, or was empty at their first run."""

from pathlib import Path

from app.store.engine.database import Database
from app.store.operating import local_mark


class LocalOwnership:
    """Marks one database as ours. `file` is that of a SQLite database, None for any other."""

    def __init__(self, *, database: Database, file: Path | None) -> None:
        self._database = database
        self._file = file

    def take(self, *, made_before_marks: bool) -> bool:
        """Mark the database unless it has the mark. False, with not a byte changed, when it holds anything else.

        A database that is known to be ours from before there were marks gets one. Raises `ServiceUnavailable`, and
        `sqlite3.Error` for a file that is no database.
        """
        if self._is_a_strangers_file() and not made_before_marks:
            return False
        with self._database.transaction() as connection:
            local_mark.wait_for_migrations(connection)
            table_names = local_mark.table_names(connection)
            if local_mark.MARK.name in table_names:
                return True
            if table_names and not made_before_marks:
                return False
            local_mark.set_mark(connection)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _is_a_strangers_file(self) -> bool:
        table_names = local_mark.table_names_in_file(self._file) if self._file is not None else frozenset()
        return bool(table_names) and local_mark.MARK.name not in table_names
