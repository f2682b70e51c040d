"""Counts over time: how many recipients were accepted, delivered to, bounced and so on, by hour or by day."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, ValidationFailed
from app.domain.moments import first_of_day, first_of_hour
from app.domain.reporting.counted import Counted
from app.services.list_filters import app_filter, provider_filter
from app.services.reporting.fold_counts import first_hour_kept
from app.store.engine.database import Database, clock
from app.store.reporting import counts
from app.store.reporting.counts import Chosen

MOST_DAYS: Final = 100
_NOTHING_BEFORE: Final = datetime(2020, 1, 1, tzinfo=UTC)


class By(StrEnum):
    """The length of a period."""

    HOUR = "hour"
    DAY = "day"


_LENGTH: Final = {By.HOUR: timedelta(hours=1), By.DAY: timedelta(days=1)}
_USUALLY: Final = {By.HOUR: timedelta(days=1), By.DAY: timedelta(days=30)}
_FIRST: Final = {By.HOUR: first_of_hour, By.DAY: first_of_day}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Which counts, and in periods of which length. What is None does not filter; `app` is for an admin.

    Without `since` it is a day of hours or thirty days, without `until` all until now.
    """

    by: By = By.DAY
    since: datetime | None = None
    until: datetime | None = None
    app: str | None = None
    stream: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """All counts of the emails that were accepted in one hour or day, which begins at this time."""

    at: datetime
    counts: Mapping[Counted, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The sums of whole periods from `since` until `until`, and each period in which anything was counted."""

    since: datetime
    until: datetime
    total: Mapping[Counted, int]
    periods: tuple[Period, ...]


class ReadStats:
    """Reads counts."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller, ask: Ask) -> Stats:
        """The counts, exact at this moment. Raises `ValidationFailed`, and `RestrictedApiKey` for another's app."""
        caller.require(Scope.EMAILS_READ)
        provider = provider_filter(ask.provider)
        with self._database.reading() as connection:
            app_id = app_filter(connection, caller, ask.app)
            since, until = _bounds(ask, clock(connection))
            chosen = Chosen(since=since, until=until, app_id=app_id, stream=ask.stream, mailbox_provider=provider)
            periods = (counts.hours if ask.by is By.HOUR else counts.days)(connection, chosen)
        total: Counter[str] = Counter()
        for numbers in periods.values():
            total.update(numbers)
        return Stats(
            since=since,
            until=until,
            total=_each(total),
            periods=tuple(Period(at, _each(numbers)) for at, numbers in periods.items()),
        )


def _each(numbers: Mapping[str, int]) -> dict[Counted, int]:
    return {what: numbers.get(what, 0) for what in Counted}


def _bounds(ask: Ask, now: datetime) -> tuple[datetime, datetime]:
    """The whole periods that were asked for, none of them in the future."""
    first, length = _FIRST[ask.by], _LENGTH[ask.by]
    until = max(_NOTHING_BEFORE, min(ask.until or now, now))
    since = first(ask.since or until - _USUALLY[ask.by])
    ends = first(until)
    ends = ends if ends == until else ends + length
    if since >= ends:
        raise _invalid("/since", "range", "`since` is before `until`.")
    if ask.by is By.HOUR and since < first_hour_kept(now):
        rule = f"Hours are kept since {first_hour_kept(now):%Y-%m-%d}: give a later `since`, or ask by day."
        raise _invalid("/since", "range", rule)
    if ends - since > timedelta(days=MOST_DAYS):
        raise _invalid("/since", "range", f"An answer has at most {MOST_DAYS} days: give a later `since`.")
    return since, ends


def _invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))
