"""Where an address stands in passing: in a diagnostic, a header, a stored answer, the reason of somebody's act.

It looks through every text of every table and puts the pseudonym in its place. It leaves alone what is a fact of
somebody else: the senders of an application, and mail that was taken in for the address since.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    String,
    Table,
    Text,
    and_,
    cast,
    func,
    or_,
    select,
    update,
)

from app.domain.pseudonym import PREFIX, Person
from app.store.erasure import erase_notifications
from app.store.models import api_keys, apps, emails, feedback, metadata, recipients, suppressions

Json = dict[str, Any]
Key = tuple[Any, ...]

_SENDERS: Final = frozenset({emails.c.sender, emails.c.sender_name})
_OF_NEW_MAIL: Final = frozenset({recipients.c.address, recipients.c.key, suppressions.c.address, suppressions.c.key})
_LEFT_ALONE: Final = _SENDERS | _OF_NEW_MAIL


def tables() -> Iterator[Table]:
    """The tables to look through."""
    yield from (table for table in metadata.sorted_tables if table not in {apps, api_keys})


def find(connection: Connection, table: Table, person: Person) -> tuple[Key, ...]:
    """The primary keys of the rows whose texts may name the address. It reads the whole table."""
    columns = _texts(table)
    if not columns:
        return ()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout TO 0")
    mentioned = or_(*(_names(column, spelling) for column in columns for spelling in person.spellings))
    return tuple(map(tuple, connection.execute(select(*table.primary_key.columns).where(mentioned))))


def erase(connection: Connection, table: Table, keys: Iterable[Key], person: Person) -> int:
    """Take the address out of the texts of these rows; how many had it."""
    columns, erased = _texts(table), 0
    for key in keys:
        mine = and_(*(column == value for column, value in zip(table.primary_key.columns, key, strict=True)))
        row = connection.execute(select(*columns).where(mine).with_for_update()).mappings().one_or_none()
        if row is None or not (changed := _changed(row, columns, person)):
            continue
        if table is feedback:
            erase_notifications(connection, key)
        else:
            connection.execute(update(table).where(mine).values(changed))
        erased += 1
    return erased


def _texts(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if isinstance(column.type, String | JSON) and column not in _LEFT_ALONE]


def _names(column: Column[Any], spelling: str) -> ColumnElement[bool]:
    return func.lower(cast(column, Text)).contains(spelling.lower(), autoescape=True)


def _changed(row: Any, columns: list[Column[Any]], person: Person) -> Json:
    """The columns that hold the address, as they are without it."""
    values = {column.name: _without(column, row[column.name], person) for column in columns}
    return {name: value for name, value in values.items() if value != row[name]}


def _without(column: Column[Any], value: Any, person: Person) -> Any:
    rest = person.taken_out_of(value)
    # A pseudonym is nobody to answer to.
    return [one for one in rest if not one[1].startswith(PREFIX)] if column is emails.c.reply_to and rest else rest
