"""The share of each application and each mailbox provider in the bounces and complaints of a week: the worst first.

AWS judges the account by both. Its line for complaints is a fiftieth of that for bounces, so a complaint weighs fifty
bounces here.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.apps.budget import OF_AWS, Spent
from app.domain.apps.callers import Caller, Scope
from app.domain.moments import first_of_day
from app.store.apps import apps
from app.store.engine.database import Database, clock
from app.store.reporting import counts

__all__ = ["ReadReputation", "Reputation", "Share"]

_WEEK: Final = timedelta(days=7)
_A_COMPLAINT: Final = OF_AWS.pause_bounces / OF_AWS.pause_complaints


@dataclass(frozen=True, slots=True)
class Share:
    """What an application, or all email to a mailbox provider, has spent of our reputation."""

    name: str
    spent: Spent

    @property
    def weight(self) -> float:
        """How much it hurts."""
        return self.spent.hard_bounced + _A_COMPLAINT * self.spent.complained


@dataclass(frozen=True, slots=True, kw_only=True)
class Reputation:
    """The shares in the emails that were accepted `since` then."""

    since: datetime
    apps: tuple[Share, ...]
    providers: tuple[Share, ...]


class ReadReputation:
    """Reads the shares, for admins."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller, *, most: int) -> Reputation:
        """At most so many applications and providers that sent anything, those that hurt most first."""
        caller.require(Scope.ADMIN)
        of_apps: defaultdict[str, Counter[str]] = defaultdict(Counter)
        of_providers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        with self._database.reading() as connection:
            since = first_of_day(clock(connection) - _WEEK)
            names = apps.names(connection)
            for app_id, provider, what, number in counts.spent_by_place(connection, since=since):
                of_apps[names.get(app_id, str(app_id))][what] += number
                of_providers[provider][what] += number
        return Reputation(since=since, apps=_worst(of_apps, most), providers=_worst(of_providers, most))


def _worst(found: defaultdict[str, Counter[str]], most: int) -> tuple[Share, ...]:
    shares = [Share(name, Spent(**numbers)) for name, numbers in found.items()]
    return tuple(sorted(shares, key=lambda one: (-one.weight, -one.spent.sent, one.name))[:most])
