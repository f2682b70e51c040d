"""What an application has spent of its budget, in each of its windows; from the counts alone.

Emails count in the hour in which they were accepted. A window of a week beside that of a day sees the emails that were
scheduled for today some days ago, and judges applications that send little.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.budget import Budget, Pauses, Spent, Window
from app.domain.moments import first_of_day, first_of_hour
from app.store.apps.app_pauses import AppBudget
from app.store.reporting import counts

Json = dict[str, Any]
Windows = Mapping[Window, Spent]

_NOTHING: Final = Spent()

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
# An email may be scheduled 30 days ahead, and then wait a week for the resume.
_WAITED_AT_MOST: Final = timedelta(days=37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """When an application was resumed, and what it had spent by then with the emails of the 37 days before.

    An email that was accepted earlier is not judged, however late it is sent.
    """

    at: datetime
    since: datetime
    spent: Spent

    @classmethod
    def now(cls, connection: Connection, app_id: UUID, now: datetime) -> Self:
        """It is resumed now."""
        since = first_of_day(now - _WAITED_AT_MOST)
        return cls(at=now, since=since, spent=_of_days(connection, app_id, since))

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """As `as_json` has stored it."""
        at, since = (datetime.fromisoformat(stored[name]) for name in ("at", "since"))
        return cls(at=at, since=since, spent=Spent(**stored["spent"]))

    def as_json(self) -> Json:
        """As the application keeps it."""
        return {"at": self.at.isoformat(), "since": self.since.isoformat(), "spent": asdict(self.spent)}


def begins(window: Window, now: datetime) -> datetime:
    """When a usual window began: with a whole hour, or a whole day for a week."""
    return first_of_hour(now - _DAY) if window is Window.DAY else first_of_day(now - _WEEK)


def budget_of(app: AppBudget) -> Budget:
    """The budget of an application: the default, but for what was set."""
    stored = dict(app.budget or {})
    if "pauses" in stored:
        stored["pauses"] = Pauses(stored["pauses"])
    return Budget(**stored)


def windows_of(connection: Connection, app: AppBudget, now: datetime) -> Windows:
    """What the application has spent in each window.

    After a resume only what follows counts, also of emails that were accepted before it: the bounces that led to the
    pause do not pause again, and the emails that waited are judged. The week is back when it has no day of before.
    """
    day, week = begins(Window.DAY, now), begins(Window.WEEK, now)
    resumed = resumed_lately(app, now)
    if resumed is None:
        of_week = {Window.WEEK: _of_days(connection, app.id, week)}
    else:
        day = max(day, first_of_hour(resumed.at) + timedelta(hours=1))
        spent = _of_days(connection, app.id, resumed.since)
        of_week = {Window.SINCE_RESUMED: spent - resumed.spent}
    of_day = counts.spent_by_hour(connection, since=day, app_id=app.id).get(app.id, _NOTHING)
    return {Window.DAY: of_day, **of_week}


def resumed_lately(app: AppBudget, now: datetime) -> Resumed | None:
    """The last resume of the application, while a day of before is in its week."""
    resumed = Resumed.from_json(app.budget_from) if app.budget_from else None
    return None if resumed is None or resumed.at < first_of_day(now - _WEEK) else resumed


def usual_windows(connection: Connection, now: datetime) -> dict[UUID, Windows]:
    """What each application has spent that was not resumed lately, in two statements for all.

    One that has spent nothing may be missing.
    """
    of_day = counts.spent_by_hour(connection, since=begins(Window.DAY, now))
    of_week = counts.spent_by_day(connection, since=begins(Window.WEEK, now))
    return {app: {Window.DAY: of_day.get(app, _NOTHING), Window.WEEK: spent} for app, spent in of_week.items()}


def windows_of_account(windows: Collection[Windows]) -> Windows:
    """What all applications together have spent, as AWS sees it."""
    return {one: sum((each[one] for each in windows), start=_NOTHING) for one in (Window.DAY, Window.WEEK)}


def _of_days(connection: Connection, app_id: UUID, since: datetime) -> Spent:
    return counts.spent_by_day(connection, since=since, app_id=app_id).get(app_id, _NOTHING)
