"""Rows for every table: one with a value in each column, and one with a value only where there has to be one.

The values are legal ones, as `tests.support.database.column_limits` has them, but the rows agree with each other only
as far as keys demand it. They bypass Postern: they are for what happens to tables, and not for what a gateway does.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    Uuid,
    insert,
)

from app.store.engine.database import UtcDateTime
from app.store.tables.core import metadata
from tests.support.database.column_limits import LONGEST, OURS

ROWS: Final = (1, 2)
"""The numbers of the rows of each table: the first one is full, the second one sparse."""

_BEGAN: Final = datetime(2026, 1, 1, 4, 5, 6, 789012, tzinfo=UTC)
_STRUCTURED: Final[Mapping[str, Any]] = {"api_keys.scopes": ["send", "ses", "smtp"], "apps.senders": ["@example.com"]}


def fill(connection: Connection) -> None:
    """Insert the rows of all tables."""
    for table in metadata.sorted_tables:
        for number in ROWS:
            connection.execute(insert(table).values(dict(_values(table, number))))


def _values(table: Table, number: int) -> Iterator[tuple[str, Any]]:
    for column in table.columns:
        if number == ROWS[0] or column.primary_key or not (column.nullable or column.server_default):
            yield column.key, _value(column, number)


def _value(column: Column[Any], number: int) -> Any:
    match column.type:
        case Uuid():
            return UUID(int=number)  # the row of this number in any other table
        case UtcDateTime() | DateTime():
            return _BEGAN + timedelta(days=number)
        case Boolean():
            return True
        case Integer():
            return 10 + number  # a migration has made the row 1 of `database_server`
        case LargeBinary():
            return b"\0sealed" + bytes([number])
        case JSON():
            return _STRUCTURED.get(str(column), {"of": str(column), "number": number})
        case Text():
            return f"Text {number} of {column}: ä, €, 😀"
        case String():
            return _words(str(column), number)
        case _:
            raise AssertionError(f"{column} has a type that no value is known for: {column.type}")


def _words(column: str, number: int) -> str:
    """A word of the column's own, or an outside text of the greatest legal length; another one for each row."""
    words = sorted(OURS.get(column, ()), key=lambda word: (-len(word), word))
    if len(words) >= len(ROWS):
        return words[number - 1]
    longest = words[0] if words else LONGEST[column]
    return str(number) + longest[1:]
