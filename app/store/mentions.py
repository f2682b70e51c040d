"""Where an address stands in passing: in a diagnostic, a header, a stored answer, the reason of somebody's act.

It looks through every text of every table and puts the pseudonym in its place. It leaves alone what is a fact of
somebody else: the senders of an application, and mail that was taken in for the address since.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import JSON, Column, ColumnElement, Connection, String, Table, Text, cast, func, or_, select, update

from app.domain.pseudonym import PREFIX, Person
from app.store.erasure import erase_notifications
from app.store.models import api_keys, apps, emails, feedback, metadata, recipients, suppressions

Json = dict[str, Any]

_SENDERS: Final = frozenset({emails.c.sender, emails.c.sender_name})
_OF_NEW_MAIL: Final = frozenset({recipients.c.address, recipients.c.key, suppressions.c.address, suppressions.c.key})
_LEFT_ALONE: Final = _SENDERS | _OF_NEW_MAIL


def tables() -> Iterator[Table]:
    """The tables to look through."""
    yield from (table for table in metadata.sorted_tables if table not in {apps, api_keys})


def erase(connection: Connection, table: Table, person: Person) -> int:
    """Take the address out of the texts of this table; how many rows had it. It reads the whole table."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout TO 0")
    columns = [column for column in table.c if isinstance(column.type, String | JSON) and column not in _LEFT_ALONE]
    if not columns:
        return 0
    mentioned = or_(*(_names(column, spelling) for column in columns for spelling in person.spellings))
    keys = list(table.primary_key.columns)
    found = connection.execute(select(*dict.fromkeys([*keys, *columns])).where(mentioned)).mappings().all()
    if table is feedback:
        return erase_notifications(connection, [row["id"] for row in found if _changed(row, [feedback.c.raw], person)])
    changed = [(row, values) for row in found if (values := _changed(row, columns, person))]
    for row, values in changed:
        connection.execute(update(table).where(*(key == row[key.name] for key in keys)).values(values))
    return len(changed)


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
