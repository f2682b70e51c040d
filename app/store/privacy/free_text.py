"""Replaces addresses in passing text: a diagnostic, a header, a stored answer, the reason of an action.

It looks through every text of every table, for many people at once, and puts their pseudonyms in place of their
addresses. It leaves alone what belongs to others: the senders of an application, the users of the console, and email
accepted for the address since.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    any_,
    cast,
    collate,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.privacy.pseudonym import PREFIX, Person
from app.store.privacy.erasure import erase_notifications, rename_idempotency_key
from app.store.tables.core import (
    api_keys,
    apps,
    attempts,
    emails,
    events,
    idempotency_keys,
    metadata,
    notifications,
    recipients,
    suppression_events,
    suppressions,
    users,
)

Json = dict[str, Any]
Key = tuple[Any, ...]

PAGE: Final = 2_000
"""How many rows are searched in one short transaction."""

_SENDERS: Final = frozenset({emails.c.sender, emails.c.sender_name})
_OF_NEW_EMAIL: Final = frozenset({recipients.c.address, recipients.c.key, suppressions.c.address, suppressions.c.key})
# Our own words, and names of applications, streams and domains: no address can stand there, and they are in every row.
_OURS: Final = frozenset(
    {
        *(emails.c[name] for name in ("stream", "lane", "on_unconfirmed")),
        *(recipients.c[name] for name in ("lane", "scope", "sender_domain", "kind", "pseudonym", "state")),
        *(attempts.c[name] for name in ("outcome", "evidence")),
        *(events.c[name] for name in ("type", "domain", "dedup")),
        *(notifications.c[name] for name in ("kind", "state")),
        *(suppressions.c[name] for name in ("scope", "origin", "ses_removal")),
        *(suppression_events.c[name] for name in ("type", "scope", "origin")),
    }
)
_LEFT_ALONE: Final = _SENDERS | _OF_NEW_EMAIL | _OURS


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a page whose texts may name one of the persons, and the page's last row; None on the last page."""

    keys: tuple[Key, ...]
    last: Key | None


def tables() -> Iterator[Table]:
    """The tables to search."""
    yield from (table for table in metadata.sorted_tables if table not in {apps, api_keys, users} and _texts(table))


def find(connection: Connection, table: Table, persons: Sequence[Person], *, after: Key | None) -> Found:
    """The primary keys of the rows whose texts may name one of these persons, among the next `PAGE` rows of a table."""
    primary = list(table.primary_key.columns)
    rest = [] if after is None else [_place(primary) > _given(primary, after)]
    bound = select(*primary).where(*rest).order_by(*primary).offset(PAGE - 1).limit(1)
    row = connection.execute(bound).one_or_none()
    last = None if row is None else tuple(row)
    within = rest if last is None else [*rest, _place(primary) <= _given(primary, last)]
    named = _names(connection.dialect.name, _texts(table), persons)
    return Found(tuple(map(tuple, connection.execute(select(*primary).where(*within, named)))), last)


def erase(connection: Connection, table: Table, keys: Iterable[Key], persons: Sequence[Person]) -> int:
    """Replace the addresses in the texts of these rows. How many rows had one."""
    columns, erased = _texts(table), 0
    for key in keys:
        this_row = and_(*(column == value for column, value in zip(table.primary_key.columns, key, strict=True)))
        row = connection.execute(select(*columns).where(this_row).with_for_update()).mappings().one_or_none()
        if row is None:
            continue
        renamed = table is idempotency_keys and rename_idempotency_key(connection, key[0], key[1], persons)
        if renamed or not (changed := _changed(row, columns, persons)):
            erased += renamed
            continue
        if table is notifications:
            erase_notifications(connection, key)
        else:
            connection.execute(update(table).where(this_row).values(changed))
        erased += 1
    return erased


def _place(primary: Sequence[Column[Any]]) -> Any:
    return primary[0] if len(primary) == 1 else tuple_(*primary)


def _given(primary: Sequence[Column[Any]], key: Key) -> Any:
    values = [literal(value, column.type) for column, value in zip(primary, key, strict=True)]
    return values[0] if len(values) == 1 else tuple_(*values)


def _texts(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if isinstance(column.type, String | JSON) and column not in _LEFT_ALONE]


def _names(dialect: str, columns: Sequence[Column[Any]], persons: Sequence[Person]) -> ColumnElement[bool]:
    """SQL: whether any of these texts may name any of these persons."""
    spellings = sorted({spelling.lower() for person in persons for spelling in person.spellings})
    texts = [cast(column, Text) for column in columns]
    if dialect != "postgresql":
        return or_(*(func.instr(func.lower(one), spelling) > 0 for one in texts for spelling in spellings))
    whole: Any = func.concat_ws("\n", *texts)
    if all(spelling.isascii() for spelling in spellings):
        # By the rules of a language, lowering a text takes ten times as long.
        whole = collate(whole, "C")
    patterns = [f"%{_escaped(spelling)}%" for spelling in spellings]
    # One array, so that a text is concatenated once, and not for each spelling.
    return func.lower(whole).op("LIKE", is_comparison=True)(any_(literal(patterns, ARRAY(Text))))


def _escaped(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text


def _changed(row: Any, columns: list[Column[Any]], persons: Sequence[Person]) -> Json:
    """The columns that hold an address, with it replaced."""
    values = {column.name: _without(column, row[column.name], persons) for column in columns}
    return {name: value for name, value in values.items() if value != row[name]}


def _without(column: Column[Any], value: Any, persons: Sequence[Person]) -> Any:
    rest = value
    for person in persons:
        rest = person.taken_out_of(rest)
    if isinstance(rest, str) and isinstance(column.type, String):
        # A pseudonym may be longer than the address was, and the column full.
        rest = rest[: column.type.length]
    # A pseudonym cannot be replied to.
    return [one for one in rest if not one[1].startswith(PREFIX)] if column is emails.c.reply_to and rest else rest
