"""Many rows with one statement: on PostgreSQL the columns travel as arrays, on SQLite the driver repeats the statement.

A statement for each row costs a worker more than all else that it does for a mail, so no hot path has one. Building a
statement costs it several times as much as running it, so the hot paths build theirs once: `Update`, `Insert`,
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

Row = dict[str, Any]
Given = Mapping[str, ColumnElement[Any]]
"""SQL: what one of the given rows holds, by column."""


class _Many:
    """A statement for many rows, in both forms."""

    _from_arrays: Executable
    _repeated: Executable

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for these rows, each of which holds all columns that it was made with."""
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            connection.execute(self._from_arrays, _arrays(rows))
        else:
            connection.execute(self._repeated, _prefixed(rows))


class Update(_Many):
    """An update of rows by their `id`: to what they hold in the columns `sets`, and to `stamps`, which all of them get.

    Rows for which `only` is not true are left alone. It sees the given row: `sets`, and the columns `knows` too.
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
        self._from_arrays, self._told = from_arrays, from_arrays.returning(table.c.id)
        one = _one(table, names)
        self._repeated = (
            update(table)
            .where(table.c.id == one["id"], *([only(one)] if only else []))
            .values({name: one[name] for name in sets} | stamps)
        )

    def which(self, connection: Connection, rows: Sequence[Row]) -> frozenset[Any]:
        """Run it for these rows; the ids of those that were updated."""
        if not rows:
            return frozenset()
        if connection.dialect.name == "postgresql":
            return frozenset(connection.scalars(self._told, _arrays(rows)).all())
        # No driver tells which rows of a repeated statement it has met.
        return frozenset(row["_id"] for row in _prefixed(rows) if connection.execute(self._repeated, row).rowcount)


class Insert(_Many):
    """An insert of rows that hold the columns `names`; each gets `stamps` too, which may depend on the given row."""

    def __init__(self, table: Table, names: Sequence[str], *, stamps: Callable[[Given], Row]) -> None:
        chosen, stamped = _chosen(table, names, stamps)
        self._from_arrays = insert(table).from_select([*names, *stamped], chosen)
        one = _one(table, names)
        self._repeated = insert(table).values({**one, **stamps(one)})


class InsertFree:
    """An insert of rows that hold the columns `names` and get `stamps`, unless a unique key of theirs is taken.

    A concurrent taker is waited for, so all who insert many rows have to do it in one order.
    """

    def __init__(self, table: Table, names: Sequence[str], *, stamps: Row) -> None:
        chosen, stamped = _chosen(table, names, lambda _: stamps)
        self._from_arrays = (
            postgresql_insert(table)
            .from_select([*names, *stamped], chosen)
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        values = _one(table, names) | stamps
        alone, repeated = (
            one(table).values(values).on_conflict_do_nothing() for one in (postgresql_insert, sqlite_insert)
        )
        self._alone = alone.execution_options(preserve_rowcount=True)
        self._repeated = repeated.execution_options(preserve_rowcount=True)

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> frozenset[Any]:
        """Run it for these rows, in their order; the ids of those that were inserted."""
        if not rows:
            return frozenset()
        on_postgres = connection.dialect.name == "postgresql"
        if on_postgres and len(rows) > 1:
            return frozenset(connection.scalars(self._from_arrays, _arrays(rows)).all())
        # Arrays cost more than they save when each holds one value. No driver tells what a repeated statement ignored.
        one = self._alone if on_postgres else self._repeated
        return frozenset(row["_id"] for row in _prefixed(rows) if connection.execute(one, row).rowcount)


class Among:
    """A query for those rows whose column holds one of some given values."""

    def __init__(self, query: Select[Any], one: ColumnElement[Any]) -> None:
        self._any_of = query.where(one == any_(bindparam("given", type_=ARRAY(one.type, dimensions=1))))
        self._in_list = query.where(one.in_(bindparam("given", expanding=True)))

    def __call__(self, connection: Connection, given: Sequence[Any]) -> CursorResult[*tuple[Any, ...]]:
        """Run it."""
        query = self._any_of if connection.dialect.name == "postgresql" else self._in_list
        return connection.execute(query, {"given": given})

    def pairs(self, connection: Connection, given: Collection[Any]) -> dict[Any, Any]:
        """Run a query for two columns: the second by the first. With nothing given nothing is asked."""
        return {row[0]: row[1] for row in self(connection, list(given)).all()} if given else {}


def update_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> None:
    """Update rows by their `id` to what they hold, all of them the same columns; `stamps` are set on every row."""
    if rows:
        Update(table, [name for name in rows[0] if name != "id"], stamps=stamps)(connection, rows)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> None:
    """Insert rows that hold the same columns; `stamps` are set on every row."""
    if rows:
        Insert(table, list(rows[0]), stamps=lambda _: stamps)(connection, rows)


def insert_free_rows(connection: Connection, table: Table, rows: Sequence[Row], *, stamps: Row) -> set[Any]:
    """Insert rows unless a unique key of theirs is taken; the ids of those that were inserted.

    A concurrent taker is waited for, so all who insert many rows have to do it in one order.
    """
    if not rows:
        return set()
    if connection.dialect.name == "postgresql":
        chosen, stamped = _chosen(table, list(rows[0]), lambda _: stamps)
        statement: Executable = (
            postgresql_insert(table)
            .from_select([*rows[0], *stamped], chosen)
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        return set(connection.scalars(statement, _arrays(rows)))
    # Nobody else writes to SQLite meanwhile, and no driver tells which rows of a repeated statement were ignored.
    insert_rows(connection, table, rows, stamps=stamps)
    return {row["id"] for row in rows}


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
