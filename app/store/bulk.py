"""Many rows with one statement: on PostgreSQL the columns travel as arrays, on SQLite the driver repeats the statement.

A statement for each row costs a worker more than all else that it does for a mail, so no hot path has one.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Select,
    Table,
    any_,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

Row = dict[str, Any]


def update_rows(
    connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row, only: ColumnElement[bool] | None = None
) -> None:
    """Update each row by its `id` to what it holds, all rows holding the same columns.

    `stamps` are set on every row; rows for which `only` is not true are left alone.
    """
    if not rows:
        return
    names = [name for name in rows[0] if name != "id"]
    conditions = [] if only is None else [only]
    if connection.dialect.name == "postgresql":
        given = _given(table, list(rows[0]))
        statement = update(table).where(table.c.id == given.c.id, *conditions)
        connection.execute(statement.values({name: given.c[name] for name in names} | stamps), _arrays(rows))
    else:
        statement = update(table).where(table.c.id == bindparam("_id"), *conditions)
        values = {name: bindparam(f"_{name}", type_=table.c[name].type) for name in names}
        connection.execute(statement.values(values | stamps), _prefixed(rows))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> None:
    """Insert rows that hold the same columns; `stamps` are set on every row."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        given = _given(table, list(rows[0]))
        chosen = select(*(given.c[name] for name in rows[0]), *stamps.values())
        connection.execute(insert(table).from_select([*rows[0], *stamps], chosen), _arrays(rows))
    else:
        connection.execute(insert(table).values(stamps), list(rows))


def insert_free_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> set[Any]:
    """Insert rows unless a unique key of theirs is taken; the ids of those that were inserted.

    A concurrent taker is waited for, so all who insert many rows have to do it in one order.
    """
    if not rows:
        return set()
    if connection.dialect.name == "postgresql":
        given = _given(table, list(rows[0]))
        chosen = select(*(given.c[name] for name in rows[0]), *stamps.values())
        statement = postgresql_insert(table).from_select([*rows[0], *stamps], chosen).on_conflict_do_nothing()
        return set(connection.scalars(statement.returning(table.c.id), _arrays(rows)))
    # Nobody else writes to SQLite meanwhile, and no driver tells which rows of a repeated statement were ignored.
    insert_rows(connection, table, rows, stamps=stamps)
    return {row["id"] for row in rows}


class Among:
    """A query for those rows whose column holds one of some given values.

    Made once and run often: building such a statement takes a worker three times as long as running it.
    """

    def __init__(self, query: Select[Any], one: ColumnElement[Any]) -> None:
        self._any_of = query.where(one == any_(bindparam("given", type_=ARRAY(one.type, dimensions=1))))
        self._in_list = query.where(one.in_(bindparam("given", expanding=True)))

    def __call__(self, connection: Connection, given: Sequence[Any]) -> CursorResult[Any]:
        """Run it."""
        query = self._any_of if connection.dialect.name == "postgresql" else self._in_list
        return connection.execute(query, {"given": given})


def _given(table: Table, names: list[str]) -> Any:
    arrays = (bindparam(f"_{name}", type_=ARRAY(table.c[name].type, dimensions=1)) for name in names)
    return (
        func.unnest(*arrays).table_valued(*(column(name, table.c[name].type) for name in names)).render_derived("given")
    )


def _arrays(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {f"_{name}": [row[name] for row in rows] for name in rows[0]}


def _prefixed(rows: Sequence[Row]) -> list[Row]:
    return [{f"_{name}": value for name, value in row.items()} for row in rows]
