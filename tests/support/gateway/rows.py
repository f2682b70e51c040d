"""Rows of a gateway for tests: what a promise says is stored, read past the services, and time that has passed."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, update

from app.store.db import clock
from app.store.models import attempts, metadata, recipients
from app.store.recipients import COLUMNS, Recipient, read
from app.wiring import Gateway

Row = Mapping[str, Any]


def rows(gateway: Gateway, table: str, **where: Any) -> list[Row]:
    """The rows of a table, in the order of their ids where it has any."""
    of = metadata.tables[table]
    query = select(of).where(*[of.c[name] == value for name, value in where.items()])
    if "id" in of.c:
        query = query.order_by(of.c.id)
    with gateway.database.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def count(gateway: Gateway, table: str, **where: Any) -> int:
    """How many rows a table has."""
    return len(rows(gateway, table, **where))


def change(gateway: Gateway, table: str, values: Mapping[str, Any], **where: Any) -> None:
    """Set columns of rows, as only time or an accident would."""
    of = metadata.tables[table]
    with gateway.database.transaction() as connection:
        connection.execute(update(of).where(*[of.c[name] == value for name, value in where.items()]).values(values))


def age(gateway: Gateway, table: str, column: str, by: timedelta, **where: Any) -> None:
    """Put a time of all these rows back, as if so much had passed."""
    of = metadata.tables[table]
    with gateway.database.transaction() as connection:
        now = clock(connection)
    change(gateway, of.name, {column: now - by}, **where)


def recipient_of(gateway: Gateway, mail: UUID, position: int = 0) -> Recipient:
    """One recipient of a mail."""
    query = select(*COLUMNS).where(recipients.c.email_id == mail, recipients.c.position == position)
    with gateway.database.reading() as connection:
        return read(connection.execute(query).one())


def outcomes(gateway: Gateway, mail: UUID) -> list[str]:
    """How the calls for a mail ended, oldest first."""
    query = (
        select(attempts.c.outcome)
        .join(recipients, recipients.c.id == attempts.c.recipient_id)
        .where(recipients.c.email_id == mail)
        .order_by(attempts.c.id)
    )
    with gateway.database.reading() as connection:
        return list(connection.scalars(query))


def everything_stored(gateway: Gateway, tables: Iterable[Table] | None = None) -> str:
    """All that the tables hold, as one text: to show what is nowhere in it."""
    texts = []
    with gateway.database.reading() as connection:
        for table in tables or metadata.sorted_tables:
            texts += [repr(tuple(row)) for row in connection.execute(select(table))]
    return "\n".join(texts)
