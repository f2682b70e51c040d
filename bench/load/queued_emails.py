"""A lane that holds emails: some that will be sent, and behind them any number that only wait.

The first are accepted as usual. The others are copies of one of them, made by SQL, without bodies: they are in every
table and index that the claim reads, are due after the first, and are never sent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, LiteralString

from psycopg import sql
from sqlalchemy import Table

from app.store.tables.core import emails, recipients
from app.wiring.gateway import Gateway
from bench.baselines.contestants import fill, pause
from bench.baselines.direct_sql import direct

# Ids are ordered by time, like real ones, a hundred per millisecond. An email and its recipient have the same id.
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
    """Fill the lane with these emails and no others for as long as the context lasts; pause it before and after."""
    pause(gateway)
    with direct(gateway.settings.database_url) as connection:
        connection.execute("truncate emails cascade")
        fill(gateway, ahead)
        with connection.transaction():
            for table, own in ((emails, _MAIL), (recipients, _RECIPIENT)):
                connection.execute(_copies(table, own, count=behind))
        connection.execute("vacuum analyze emails, recipients, attempts")
        connection.execute("checkpoint")
    yield
    pause(gateway)


def _copies(table: Table, own: Mapping[str, LiteralString], *, count: int) -> sql.Composed:
    columns = [column.name for column in table.columns]
    values = [sql.SQL(own[name]) if name in own else sql.Identifier("one", name) for name in columns]
    return _COPY.format(
        table=sql.Identifier(table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        count=sql.Literal(count),
    )
