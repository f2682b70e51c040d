"""How many recipients an event has happened to since the gateway began: counted in the transaction of the event.

Each count has several rows, one of which is taken at random: transactions that count the same event at the same time
would otherwise wait for each other.
"""

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Final, TypeVar

from sqlalchemy import Connection, Executable, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.dml import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.dialects.sqlite.dml import Insert as SqliteInsert

from app.store.tables.core import tallies

Tally = Mapping[tuple[str, str], int]
"""Numbers by what is counted (`bounced`) and a label (`permanent/mailbox_gone`), which may be empty."""

NewTallies = TypeVar("NewTallies", PostgresInsert, SqliteInsert)

_SHARDS: Final = 32


def add(connection: Connection, tally: Tally) -> None:
    """Count these. Call it last: its rows stay locked until the transaction ends."""
    shard = any_shard(connection.dialect.name)
    rows = [
        {"what": what, "label": label, "shard": shard, "number": number}
        for (what, label), number in sorted(tally.items())
        if number
    ]
    if not rows:
        return
    connection.execute(_adding(connection.dialect.name), rows)


def any_shard(dialect: str) -> int:
    """One shard for all rows of a transaction: with one order too, no two wait for each other in a ring."""
    return secrets.randbelow(_SHARDS) if dialect == "postgresql" else 0


@cache
def _adding(dialect: str) -> Executable:
    """Built once: a statement that lists the values of several rows is compiled anew each time it runs."""
    return adding_up(postgresql_insert(tallies)) if dialect == "postgresql" else adding_up(sqlite_insert(tallies))


def adding_up(new: NewTallies) -> NewTallies:
    """An insert of numbers that is added to those that are there."""
    key = [tallies.c.what, tallies.c.label, tallies.c.shard]
    return new.on_conflict_do_update(index_elements=key, set_={"number": tallies.c.number + new.excluded.number})


def totals(connection: Connection) -> dict[tuple[str, str], int]:
    """All counts."""
    query = select(tallies.c.what, tallies.c.label, func.sum(tallies.c.number)).group_by(
        tallies.c.what, tallies.c.label
    )
    return {(what, label): int(number) for what, label, number in connection.execute(query)}
