"""A lane with mail in it: some that will be sent, and behind them as many as wanted that only wait.

The former are accepted like all mail. The latter are copies made by SQL, without bodies, of one that was accepted:
they stand in every table and index that the claim reads, come after the others, and are not meant to be sent.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import Table

from app.queue import Lane
from app.services.pause import Pause
from app.store.models import emails, recipients
from app.wiring import Gateway
from bench.contestants import BENCH, fill

# Ids in the order of time, as real ones are, a hundred in each millisecond; one mail and its recipient share theirs.
_ID: Final[LiteralString] = (
    "(lpad(to_hex((extract(epoch from now()) * 1000)::bigint + n / 100), 12, '0') || '70008000' || "
    "lpad(to_hex(n), 12, '0'))::uuid"
)
_MAIL: Final[Mapping[str, LiteralString]] = {"id": _ID, "sealed_body": "null", "sealed_key": "null"}
_RECIPIENT: Final[Mapping[str, LiteralString]] = {
    "id": _ID,
    "email_id": _ID,
    "address": "'waits' || n || '@example.net'",
    "key": "'waits' || n || '@example.net'",
    "due_at": "now() + n / 100 * interval '1 microsecond'",
}

_COPY: Final = sql.SQL(
    "insert into {table} ({columns}) select {values} "
    "from (select * from {table} order by id desc limit 1) as one, generate_series(1, {count}::bigint) as n"
)


@contextmanager
def lined_up(gateway: Gateway, *, ahead: int, behind: int = 0) -> Iterator[None]:
    """A lane that holds this and nothing else, for as long as the context lasts; it is paused before and after."""
    pause(gateway)
    with psycopg.connect(plain_url(gateway), autocommit=True) as connection:
        connection.execute("truncate emails cascade")
        fill(gateway, ahead)
        with connection.transaction():
            for table, own in ((emails, _MAIL), (recipients, _RECIPIENT)):
                connection.execute(_copies(table, own, count=behind))
        connection.execute("vacuum analyze emails, recipients, attempts")
        connection.execute("checkpoint")
    yield
    pause(gateway)


def pause(gateway: Gateway) -> None:
    """Let no more be claimed."""
    Pause(database=gateway.database).pause(BENCH, Lane.TRANSACTIONAL, reason="The benchmark fills the lane.")


def release(gateway: Gateway) -> None:
    """Let it be claimed, and say so."""
    Pause(database=gateway.database).resume(BENCH, Lane.TRANSACTIONAL)
    gateway.upkeep.ring_bells()


def _copies(table: Table, own: Mapping[str, LiteralString], *, count: int) -> sql.Composed:
    columns = [column.name for column in table.columns]
    values = [sql.SQL(own[name]) if name in own else sql.Identifier("one", name) for name in columns]
    return _COPY.format(
        table=sql.Identifier(table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        count=sql.Literal(count),
    )


def plain_url(gateway: Gateway) -> str:
    """The address of its database, as the driver wants it."""
    return re.sub(r"^postgresql\+psycopg", "postgresql", gateway.settings.database_url)
