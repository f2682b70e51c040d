"""How many recipients are counted as what, by the hour in which they were accepted: rows that are added and folded.

A transaction adds rows and waits for no other, since it changes none. A sweep folds them into sums, and a read adds up
sums and unfolded rows in one statement: it is exact at once, however far the sweep is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, Table, delete, func, insert, select, union_all
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.domain.apps.budget import Spent
from app.domain.feedback.providers import SIMULATOR
from app.domain.moments import first_of_day, first_of_hour
from app.domain.reporting.counted import Counted
from app.store.engine.bulk_statements import Among
from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.tables.core import count_changes, daily_counts, hourly_counts, recipients

Place = tuple[datetime | None, UUID, str, str]
"""Where a recipient is counted: hour, application, stream, mailbox provider. None is the hour of the transaction."""

Changes = Mapping[Place, Mapping[str, int]]
"""By how much counts change, by place and by what is counted."""

_SPENT: Final = (Counted.SENT.value, Counted.HARD_BOUNCED.value, Counted.COMPLAINED.value)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_PLACE: Final = ("app_id", "stream", "mailbox_provider")
_TIME: Final = {count_changes: "hour", hourly_counts: "hour", daily_counts: "day"}
_ADD: Final = insert(count_changes)
# PostgreSQL has one time for all rows of a transaction.
_ADD_NOW: Final = insert(count_changes).values(hour=func.date_trunc("hour", now()))
_ACCEPTED: Final = Among(select(recipients.c.id, recipients.c.created_at), recipients.c.id)


def hours_of_new(connection: Connection, added: Collection[UUID]) -> Mapping[UUID, datetime]:
    """The hours in which these recipients were accepted, which this transaction has added.

    Empty on PostgreSQL, where that is the hour of the transaction. On SQLite the clock goes on within a transaction.
    """
    if connection.dialect.name == "postgresql":
        return {}
    return {one: first_of_hour(moment) for one, moment in _ACCEPTED.pairs(connection, added).items()}


def add(connection: Connection, changes: Changes) -> None:
    """Note by how much the counts change."""
    dated, of_now = [], []
    for (hour, *place), numbers in changes.items():
        named = dict(zip(_PLACE, place, strict=True))
        for what, number in numbers.items():
            if number and hour is None:
                of_now.append({"id": new_id(), **named, "what": what, "number": number})
            elif number:
                dated.append({"id": new_id(), "hour": hour, **named, "what": what, "number": number})
    for statement, rows in ((_ADD, dated), (_ADD_NOW, of_now)):
        if rows:
            connection.execute(statement, rows)


def fold(connection: Connection, *, limit: int) -> int:
    """Fold the oldest changes, at most `limit`, into the counts of their hours and of their days. How many.

    Another fold of the same changes waits for this one, and finds them gone.
    """
    oldest = select(count_changes.c.id).order_by(count_changes.c.id).limit(limit).subquery()
    last = connection.scalar(select(oldest.c.id).order_by(oldest.c.id.desc()).limit(1))
    if last is None:
        return 0
    rows = _taken(connection, last)
    hours: Counter[tuple[datetime, UUID, str, str, str]] = Counter()
    days: Counter[tuple[datetime, UUID, str, str, str]] = Counter()
    for hour, app_id, stream, provider, what, number, _ in rows:
        hours[hour, app_id, stream, provider, what] += int(number)
        days[first_of_day(hour), app_id, stream, provider, what] += int(number)
    _put(connection, hourly_counts, hours)
    _put(connection, daily_counts, days)
    return sum(changes for *_, changes in rows)


def _taken(connection: Connection, last: UUID) -> Sequence[Any]:
    """Delete the changes up to this one. Their sums by hour, place and what is counted, each with how many it sums."""
    are_taken = count_changes.c.id <= last
    names = ("hour", *_PLACE, "what")
    if connection.dialect.name == "postgresql":
        # In one statement: between two, another process may commit a change that is older than this one.
        deleted = delete(count_changes).where(are_taken).returning(*count_changes.c).cte("deleted")
        place = [deleted.c[name] for name in names]
        return connection.execute(select(*place, func.sum(deleted.c.number), func.count()).group_by(*place)).all()
    place = [count_changes.c[name] for name in names]
    sums = select(*place, func.sum(count_changes.c.number), func.count()).where(are_taken).group_by(*place)
    rows = connection.execute(sums).all()
    connection.execute(delete(count_changes).where(are_taken))
    return rows


def forget_hour(connection: Connection, *, before: datetime) -> bool:
    """Delete the counts of the oldest hour, if it is before this one. Whether there was one; its day keeps them."""
    oldest = connection.scalar(select(func.min(hourly_counts.c.hour)).where(hourly_counts.c.hour < before))
    if oldest is not None:
        connection.execute(delete(hourly_counts).where(hourly_counts.c.hour == oldest))
    return oldest is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which counts to add up: from `since` until `until`, of an application, a stream and a provider; None for all."""

    since: datetime
    until: datetime
    app_id: UUID | None = None
    stream: str | None = None
    mailbox_provider: str | None = None


def hours(connection: Connection, chosen: Chosen) -> dict[datetime, dict[str, int]]:
    """The counts that are not 0, by hour and by what is counted."""
    return _sums(connection, hourly_counts, chosen)


def days(connection: Connection, chosen: Chosen) -> dict[datetime, dict[str, int]]:
    """The counts that are not 0, by day and by what is counted; `since` and `until` are the first moments of days."""
    found: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for hour, numbers in _sums(connection, daily_counts, chosen).items():
        found[first_of_day(hour)].update(numbers)
    return {day: {what: number for what, number in numbers.items() if number} for day, numbers in found.items()}


def by_app(connection: Connection, *, since: datetime) -> dict[UUID, dict[str, int]]:
    """What the recipients of each application are counted as that were accepted since the beginning of this hour."""
    chosen = Chosen(since=since, until=_NEVER)
    return _by_app(connection, (_chosen(table, chosen) for table in (hourly_counts, count_changes)))


def spent_by_hour(connection: Connection, *, since: datetime, app_id: UUID | None = None) -> dict[UUID, Spent]:
    """What each application, or this one, has spent of its budget with the emails of the hours since this one.

    One that has spent nothing may be missing.
    """
    return _spent(connection, hourly_counts, since, app_id)


def spent_by_day(connection: Connection, *, since: datetime, app_id: UUID | None = None) -> dict[UUID, Spent]:
    """The same of the days since this one."""
    return _spent(connection, daily_counts, since, app_id)


def spent_by_place(connection: Connection, *, since: datetime) -> list[tuple[UUID, str, str, int]]:
    """What was spent with the emails of the days since this one: application, mailbox provider, what, how many."""
    parts = (
        select(table.c.app_id, table.c.mailbox_provider, table.c.what, table.c.number).where(
            table.c[_TIME[table]] >= since, table.c.what.in_(list(_SPENT)), table.c.mailbox_provider != SIMULATOR
        )
        for table in (daily_counts, count_changes)
    )
    counts = union_all(*parts).subquery()
    place = (counts.c.app_id, counts.c.mailbox_provider, counts.c.what)
    rows = connection.execute(select(*place, func.sum(counts.c.number)).group_by(*place))
    return [(app_id, provider, what, int(number)) for app_id, provider, what, number in rows]


def _spent(connection: Connection, folded: Table, since: datetime, app_id: UUID | None) -> dict[UUID, Spent]:
    """AWS holds nothing against a sender that its own mailbox simulator answers."""
    chosen = Chosen(since=since, until=_NEVER, app_id=app_id)
    parts = (
        _chosen(table, chosen).where(table.c.what.in_(list(_SPENT)), table.c.mailbox_provider != SIMULATOR)
        for table in (folded, count_changes)
    )
    return {app: Spent(**numbers) for app, numbers in _by_app(connection, parts).items()}


def _by_app(connection: Connection, parts: Iterable[Select[Any]]) -> dict[UUID, dict[str, int]]:
    counts = union_all(*parts).subquery()
    place = (counts.c.app_id, counts.c.what)
    found: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    for app, what, number in connection.execute(select(*place, func.sum(counts.c.number)).group_by(*place)):
        found[app][what] = int(number)
    return dict(found)


def _sums(connection: Connection, folded: Table, chosen: Chosen) -> dict[datetime, dict[str, int]]:
    """What is folded and what is not yet, which is by hour."""
    counts = union_all(*(_chosen(table, chosen) for table in (folded, count_changes))).subquery()
    total = func.sum(counts.c.number).label("number")
    query = select(counts.c.time, counts.c.what, total).group_by(counts.c.time, counts.c.what)
    found: dict[datetime, dict[str, int]] = {}
    for row in connection.execute(query.having(total != 0).order_by(counts.c.time)):
        found.setdefault(row.time, {})[row.what] = int(row.number)
    return found


def _chosen(table: Table, chosen: Chosen) -> Select[Any]:
    time = table.c[_TIME[table]]
    columns = (time.label("time"), table.c.app_id, table.c.what, table.c.number)
    rows = select(*columns).where(time >= chosen.since, time < chosen.until)
    if chosen.app_id is not None:
        rows = rows.where(table.c.app_id == chosen.app_id)
    if chosen.stream is not None:
        rows = rows.where(table.c.stream == chosen.stream)
    if chosen.mailbox_provider is not None:
        rows = rows.where(table.c.mailbox_provider == chosen.mailbox_provider)
    return rows


def _put(connection: Connection, table: Table, sums: Mapping[tuple[datetime, UUID, str, str, str], int]) -> None:
    """Add to the sums of a table, in one order, so that no two folds wait for each other in a ring."""
    names = (_TIME[table], *_PLACE, "what", "number")
    rows = [dict(zip(names, (*key, number), strict=True)) for key, number in sorted(sums.items()) if number]
    if not rows:
        return
    new = (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(table)
    number = table.c.number + new.excluded.number
    connection.execute(new.on_conflict_do_update(index_elements=list(table.primary_key), set_={"number": number}), rows)
