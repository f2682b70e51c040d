"""The revision of the database, which alembic keeps, and the revision that code has to contain to run with it."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, column, delete, func, inspect, select, table

from app.store.engine.database import add_once, now
from app.store.tables.core import cursors

# Alembic's own table, defined here: Alembic makes a new one each time, and the compiled statement of each would be
# kept.
_VERSIONS: Final = table("alembic_version", column("version_num"))
_CLASSES: Final = table("pg_class", *map(column, ("oid", "relname", "relkind", "reltuples")))
_NAME: Final = "schema"
_OLDEST_CODE: Final = "oldest_code"


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None if it was never migrated."""
    is_there = inspect(connection).has_table(_VERSIONS.name)
    return connection.scalar(select(_VERSIONS.c.version_num)) if is_there else None


def oldest_code(connection: Connection) -> str | None:
    """The revision that code has to contain; None if any code may run. The database is at some revision."""
    state = connection.scalar(select(cursors.c.state).where(cursors.c.name == _NAME))
    return state[_OLDEST_CODE] if state else None


def set_oldest_code(connection: Connection, contained: str | None) -> None:
    """Keep which revision code has to contain from now on."""
    connection.execute(delete(cursors).where(cursors.c.name == _NAME))
    if contained is not None:
        add_once(connection, cursors, name=_NAME, state={_OLDEST_CODE: contained}, updated_at=now())


def estimated_rows(connection: Connection, tables: Collection[str]) -> dict[str, int]:
    """The rows of these tables as of PostgreSQL's last look, 0 if it never looked; empty on SQLite."""
    if connection.dialect.name != "postgresql":
        return {}
    rows = func.greatest(_CLASSES.c.reltuples, 0)
    found = connection.execute(
        select(_CLASSES.c.relname, rows).where(
            _CLASSES.c.relname.in_(tables), _CLASSES.c.relkind == "r", func.pg_table_is_visible(_CLASSES.c.oid)
        )
    )
    return {name: int(number) for name, number in found}
