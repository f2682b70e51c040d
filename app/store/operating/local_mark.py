"""The mark of a database that `./postern up` or `demo` made, and whether a database holds anything yet.

It is a table of its own, outside the tables of the gateway: a database in production never has it. A SQLite file is
inspected without leaving a trace, since it may belong to something else.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, insert, text

from app.store.engine.database import UtcDateTime, now

MARK = Table("made_by_postern_up", MetaData(), Column("made_at", UtcDateTime, nullable=False))

# The lock of `migrations/env.py`: a migration that runs meanwhile is waited for, and its tables are seen.
_LOCK = 7_303_014_811

# Everything that may hold data. Relations of an extension, such as a view of statistics, do not count.
_IN_POSTGRESQL = text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    r" WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'"
    " AND c.relkind IN ('r','p','v','m','f','S')"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    " AND d.deptype = 'e')"
)
_IN_SQLITE = "SELECT name FROM sqlite_master"


def wait_for_migrations(connection: Connection) -> None:
    """Block migrations until the end of this transaction. On SQLite a transaction that writes does that anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def table_names(connection: Connection) -> frozenset[str]:
    """The names of all relations in the database; empty if it is as it was created."""
    query = _IN_POSTGRESQL if connection.dialect.name == "postgresql" else text(_IN_SQLITE)
    return frozenset(connection.scalars(query))


def table_names_in_file(file: Path) -> frozenset[str]:
    """The same for a SQLite file, which is neither created nor changed. Raises `sqlite3.Error` if it is no database."""
    if not file.exists():
        return frozenset()
    # Without its log beside it, no process has the file open. Opening it as one that may change would create that log.
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?{how}", uri=True)) as connection:
        return frozenset(name for (name,) in connection.execute(_IN_SQLITE))


def set_mark(connection: Connection) -> None:
    """Mark the database as made by a local command."""
    MARK.create(connection)
    connection.execute(insert(MARK).values(made_at=now()))
