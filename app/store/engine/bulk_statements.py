"""Statements for many rows: PostgreSQL gets columns as arrays, on SQLite the driver repeats the statement.

A statement for each row costs a worker more than all its other work for an email, so no hot path has one. Building a
statement costs several times as much as running it, so the hot paths build theirs once: `Update`, `Insert`,
`InsertFree`, `Among`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
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
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

_CHUNK = 5_000

Row = dict[str, Any]
Given = Mapping[str, ColumnElement[Any]]
"""SQL: the values of one given row, by column."""


class _Many:
    """A statement for many rows, in both forms."""

    _from_arrays: Executable
    _repeated: Executable

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for these rows. Each must hold all columns that the statement was made with."""
        if not rows:
            return
        if _pays(connection, rows):
            connection.execute(self._from_arrays, _arrays(rows))
        else:
            connection.execute(self._repeated, _prefixed(rows))


class Update(_Many):
    """An update of rows by `id`: columns in `sets` get the values of the given row, `stamps` are set on every row.

    Rows for which `only` is not true are left alone. `only` sees the given row: its columns `sets` and `knows`.
    """

    def __init__(
        self,
        table: Table,
        sets: Sequence[str],
        *,
        stamps: Row,
        knows: Sequence[str] = (),
        only: Callable[[Given], ColumnElement[bool]] | None = None,
    ) -> None:
        names = ["id", *sets, *knows]
        arrays = _given(table, names)
        from_arrays = (
            update(table)
            .where(table.c.id == arrays.c.id, *([only(arrays.c)] if only else []))
            .values({name: arrays.c[name] for name in sets} | stamps)
        )
        self._from_arrays, self._returning = from_arrays, from_arrays.returning(table.c.id)
        one = _one(table, names)
        self._repeated = (
            update(table)
            .where(table.c.id == one["id"], *([only(one)] if only else []))
            .values({name: one[name] for name in sets} | stamps)
        )

    def which(self, connection: Connection, rows: Sequence[Row]) -> frozenset[Any]:
        """Run it for these rows. The ids of those that were updated."""
        if not rows:
            return frozenset()
        if _pays(connection, rows):
            return frozenset(connection.scalars(self._returning, _arrays(rows)).all())
        # No driver reports which rows a repeated statement matched.
        return frozenset(row["_id"] for row in _prefixed(rows) if connection.execute(self._repeated, row).rowcount)


class Insert(_Many):
    """An insert of rows with the columns `names`. Each also gets `stamps`, which may depend on the given row."""

    def __init__(self, table: Table, names: Sequence[str], *, stamps: Callable[[Given], Row]) -> None:
        chosen, stamped = _chosen(table, names, stamps)
        self._from_arrays = insert(table).from_select([*names, *stamped], chosen)
        one = _one(table, names)
        self._repeated = insert(table).values({**one, **stamps(one)})


class InsertFree:
    """An insert of rows with the columns `names` and `stamps`, unless one of their unique keys is taken.

    The `id` of each row is new. It waits for a concurrent insert of the same key, so all code that inserts many rows
    does so in one order.
    """

    def __init__(self, table: Table, names: Sequence[str], *, stamps: Row) -> None:
        chosen, stamped = _chosen(table, names, lambda _: stamps)
        self._from_arrays = (
            postgresql_insert(table)
            .from_select([*names, *stamped], chosen)
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        self._there = Among(select(table.c.id), table.c.id)
        values = _one(table, names) | stamps
        alone, repeated = (
            one(table).values(values).on_conflict_do_nothing() for one in (postgresql_insert, sqlite_insert)
        )
        self._alone = alone.execution_options(preserve_rowcount=True)
        self._repeated = repeated.execution_options(preserve_rowcount=True)

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> frozenset[Any]:
        """Run it for these rows, in their order. The ids of those that were inserted."""
        if not rows:
            return frozenset()
        if _pays(connection, rows):
            return frozenset(connection.scalars(self._from_arrays, _arrays(rows)).all())
        one = self._alone if connection.dialect.name == "postgresql" else self._repeated
        inserted = connection.execute(one, _prefixed(rows)).rowcount
        ids = [row["id"] for row in rows]
        if inserted in {0, len(rows)}:
            return frozenset(ids if inserted else ())
        # No driver reports which rows a repeated statement ignored, so the table is read.
        chunks = (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
        return frozenset(there for chunk in chunks for there in self._there(connection, chunk).scalars())


class Among:
    """A query for the rows whose column holds one of the given values."""

    def __init__(self, query: Select[Any], one: ColumnElement[Any]) -> None:
        self._any_of = query.where(one == any_(bindparam("given", type_=ARRAY(one.type, dimensions=1))))
        self._in_list = query.where(one.in_(bindparam("given", expanding=True)))
        self._equal = query.where(one == bindparam("given", type_=one.type))

    def __call__(self, connection: Connection, given: Sequence[Any], **more: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run it. `more` are the values of other parameters that the query has."""
        if len(given) == 1:
            return connection.execute(self._equal, {"given": given[0], **more})
        query = self._any_of if connection.dialect.name == "postgresql" else self._in_list
        return connection.execute(query, {"given": given, **more})

    def pairs(self, connection: Connection, given: Collection[Any]) -> dict[Any, Any]:
        """Run a query for two columns: the second by the first. With no values no query runs."""
        return {row[0]: row[1] for row in self(connection, list(given)).all()} if given else {}


def update_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> None:
    """Update rows by `id` to the values they hold, all with the same columns; `stamps` are set on every row."""
    if rows:
        Update(table, [name for name in rows[0] if name != "id"], stamps=stamps)(connection, rows)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> None:
    """Insert rows that hold the same columns; `stamps` are set on every row."""
    if rows:
        Insert(table, list(rows[0]), stamps=lambda _: stamps)(connection, rows)


def _pays(connection: Connection, rows: Sequence[Row]) -> bool:
    """Whether arrays do: on PostgreSQL, for more than one row. A statement with arrays is planned anew each time."""
    return connection.dialect.name == "postgresql" and len(rows) > 1


def _chosen(table: Table, names: Sequence[str], stamps: Callable[[Given], Row]) -> tuple[Select[Any], list[str]]:
    given = _given(table, names)
    stamped = stamps(given.c)
    return select(*(given.c[name] for name in names), *stamped.values()), list(stamped)


def _given(table: Table, names: Sequence[str]) -> Any:
    arrays = (bindparam(f"_{name}", type_=ARRAY(table.c[name].type, dimensions=1)) for name in names)
    return (
        func.unnest(*arrays).table_valued(*(column(name, table.c[name].type) for name in names)).render_derived("given")
    )


def _arrays(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {f"_{name}": [row[name] for row in rows] for name in rows[0]}


def _one(table: Table, names: Sequence[str]) -> dict[str, ColumnElement[Any]]:
    return {name: bindparam(f"_{name}", type_=table.c[name].type) for name in names}


def _prefixed(rows: Sequence[Row]) -> list[Row]:
    return [{f"_{name}": value for name, value in row.items()} for row in rows]
