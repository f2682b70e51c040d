"""Rows of a gateway for tests: read and changed directly, without the services, also to let time pass."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from redis import Redis
from sqlalchemy import Table, delete, select, update

from app.store.engine.database import clock
from app.store.sending.recipients import COLUMNS, Recipient, read
from app.store.tables.core import attempts, database_server, metadata, recipients
from app.wiring.gateway import Gateway

Row = Mapping[str, Any]


def rows(gateway: Gateway, table: str, **where: Any) -> list[Row]:
    """Return the rows of a table, ordered by id if it has one."""
    of = metadata.tables[table]
    query = select(of).where(*[of.c[name] == value for name, value in where.items()])
    if "id" in of.c:
        query = query.order_by(of.c.id)
    with gateway.database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def count(gateway: Gateway, table: str, **where: Any) -> int:
    """Return how many rows a table has."""
    return len(rows(gateway, table, **where))


def empty(gateway: Gateway) -> None:
    """Delete every row, all keys in Redis, and the flight recorders of the workers."""
    with gateway.database.transaction() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not database_server:  # a migration fills it: it identifies the database server
                connection.execute(delete(table))
    with Redis.from_url(gateway.settings.redis_url) as redis:
        redis.flushall()
    for left in gateway.settings.flight_dir.glob("*.flight"):
        left.unlink()


def change(gateway: Gateway, table: str, values: Mapping[str, Any], **where: Any) -> None:
    """Set columns of rows, as only time or an accident could."""
    of = metadata.tables[table]
    with gateway.database.transaction() as connection:
        connection.execute(update(of).where(*[of.c[name] == value for name, value in where.items()]).values(values))


def age(gateway: Gateway, table: str, column: str, by: timedelta, **where: Any) -> None:
    """Move a time of these rows back by `by`, as if that much time had passed."""
    of = metadata.tables[table]
    with gateway.database.transaction() as connection:
        now = clock(connection)
    change(gateway, of.name, {column: now - by}, **where)


def make_due(gateway: Gateway) -> None:
    """Make every email that waits due, and every probe of a circuit."""
    age(gateway, "recipients", "due_at", timedelta(seconds=1))
    circuits = metadata.tables["circuits"]
    with gateway.database.transaction() as connection:
        now = clock(connection)
        probed = update(circuits).where(circuits.c.probe_at.is_not(None))
        connection.execute(probed.values(probe_at=now - timedelta(seconds=1)))


def recipient_of(gateway: Gateway, email: UUID, position: int = 0) -> Recipient:
    """Return one recipient of an email."""
    query = select(*COLUMNS).where(recipients.c.email_id == email, recipients.c.position == position)
    with gateway.database.reading() as connection:
        return read(connection.execute(query).one())


def outcomes(gateway: Gateway, email: UUID) -> list[str]:
    """Return the outcomes of the calls for an email, oldest first."""
    query = (
        select(attempts.c.outcome)
        .join(recipients, recipients.c.id == attempts.c.recipient_id)
        .where(recipients.c.email_id == email)
        .order_by(attempts.c.id)
    )
    with gateway.database.reading() as connection:
        return list(connection.scalars(query))


def everything_stored(gateway: Gateway, tables: Iterable[Table] | None = None) -> str:
    """Return the contents of the tables as one text, to show that something is not in it."""
    texts = []
    with gateway.database.reading() as connection:
        for table in tables or metadata.sorted_tables:
            texts += [repr(tuple(row)) for row in connection.execute(select(table))]
    return "\n".join(texts)
