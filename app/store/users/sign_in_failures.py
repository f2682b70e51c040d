"""Rows of failures to sign in, by a hash of the name that was given: a row says nothing of who exists."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.store.engine.database import ahead, now
from app.store.tables.core import sign_in_failures


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of a name since its last success."""

    number: int
    locked_until: datetime | None


def hold(connection: Connection, name_key: bytes) -> Failures:
    """The failures of a name, added if there are none, and locked until the transaction ends."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    added = insert(sign_in_failures).values(name_key=name_key, failures=0, last_at=now())
    held = added.on_conflict_do_update(index_elements=["name_key"], set_={"last_at": now()})
    row = connection.execute(held.returning(sign_in_failures.c.failures, sign_in_failures.c.locked_until)).one()
    return Failures(row.failures, row.locked_until)


def save(connection: Connection, name_key: bytes, failures: Failures) -> None:
    """Write the failures of a name that is locked by `hold`."""
    values = {"failures": failures.number, "locked_until": failures.locked_until}
    connection.execute(update(sign_in_failures).where(sign_in_failures.c.name_key == name_key).values(**values))


def forget(connection: Connection, name_key: bytes) -> None:
    """Forget the failures of a name."""
    connection.execute(delete(sign_in_failures).where(sign_in_failures.c.name_key == name_key))


def erase(connection: Connection, *, lasts: timedelta, limit: int) -> int:
    """Delete up to `limit` rows of names that were not given for so long. How many."""
    last_at = sign_in_failures.c.last_at
    old = select(sign_in_failures.c.name_key).where(last_at <= ahead(-lasts.total_seconds())).order_by(last_at)
    found = connection.scalars(old.limit(limit).with_for_update(skip_locked=True)).all()
    connection.execute(delete(sign_in_failures).where(sign_in_failures.c.name_key.in_(found)))
    return len(found)
