"""The counts of a gateway, for tests: as they are read, and counted anew from the rows of the recipients."""

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from app.domain.moments import first_of_day, first_of_hour
from app.domain.reporting import counted as rule
from app.store.reporting import counts
from app.store.reporting.counts import Chosen
from app.store.sending.recipients import COLUMNS, read
from app.store.tables.core import recipients
from app.wiring.gateway import Gateway

_ALWAYS: Final = Chosen(since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(3000, 1, 1, tzinfo=UTC))

Counts = dict[tuple[datetime, str], int]


def as_counted(gateway: Gateway) -> Counts:
    """Return the counts by hour and by what is counted. Those by day have to agree."""
    with gateway.database.reading() as connection:
        found, of_days = counts.hours(connection, _ALWAYS), counts.days(connection, _ALWAYS)
    by_day: Counter[tuple[datetime, str]] = Counter()
    for hour, numbers in found.items():
        by_day.update({(first_of_day(hour), what): number for what, number in numbers.items()})
    assert by_day == {(day, what): number for day, numbers in of_days.items() for what, number in numbers.items()}
    return {(hour, what): number for hour, numbers in found.items() for what, number in numbers.items()}


def in_all(counted: Counts) -> dict[str, int]:
    """Return the counts of all hours together, by what is counted."""
    total: Counter[str] = Counter()
    for (_, what), number in counted.items():
        total[what] += number
    return dict(total)


def recounted(gateway: Gateway) -> Counts:
    """Return what the rows of the recipients add up to."""
    with gateway.database.reading() as connection:
        stored = [read(row) for row in connection.execute(select(*COLUMNS).select_from(recipients))]
    return dict(Counter((first_of_hour(row.created_at), what.value) for row in stored for what in rule.counted(row)))
