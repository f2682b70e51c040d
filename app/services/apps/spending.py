"""What an application has spent of its budget, in each of its windows; from the counts alone.

Emails count in the hour in which they were accepted. A window of a week beside that of a day sees the emails that were
scheduled for today some days ago, and judges applications that send little.
"""

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
        return cls(at=now, since=since, spent=counts.spent_by_day(connection, since=since, app_id=app_id))

    @classmethod
    def from_json(cls, stored: Json) -> Self:
        """As `as_json` has stored it."""
        at, since = (datetime.fromisoformat(stored[name]) for name in ("at", "since"))
        return cls(at=at, since=since, spent=Spent(**stored["spent"]))

    def as_json(self) -> Json:
        """As the application keeps it."""
        return {"at": self.at.isoformat(), "since": self.since.isoformat(), "spent": asdict(self.spent)}


def budget_of(app: AppBudget) -> Budget:
    """The budget of an application: the default, but for what was set."""
    stored = dict(app.budget or {})
    if "pauses" in stored:
        stored["pauses"] = Pauses(stored["pauses"])
    return Budget(**stored)


def windows_of(connection: Connection, app: AppBudget, now: datetime) -> dict[Window, Spent]:
    """What the application has spent in each window.

    After a resume only what follows counts, also of emails that were accepted before it: the bounces that led to the
    pause do not pause again, and the emails that waited are judged. The week is back when it has no day of before.
    """
    resumed = Resumed.from_json(app.budget_from) if app.budget_from else None
    day, week = first_of_hour(now - _DAY), first_of_day(now - _WEEK)
    if resumed is None or resumed.at < week:
        of_week = {Window.WEEK: counts.spent_by_day(connection, since=week, app_id=app.id)}
    else:
        day = max(day, first_of_hour(resumed.at) + timedelta(hours=1))
        spent = counts.spent_by_day(connection, since=resumed.since, app_id=app.id)
        of_week = {Window.SINCE_RESUMED: spent - resumed.spent}
    return {Window.DAY: counts.spent_by_hour(connection, since=day, app_id=app.id), **of_week}


def windows_of_all(connection: Connection, now: datetime) -> dict[Window, Spent]:
    """What all applications together have spent, as AWS sees it."""
    return {
        Window.DAY: counts.spent_by_hour(connection, since=first_of_hour(now - _DAY), app_id=None),
        Window.WEEK: counts.spent_by_day(connection, since=first_of_day(now - _WEEK), app_id=None),
    }
