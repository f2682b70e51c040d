"""Watch budgets: warn of an application at the first line and pause it at the second, and warn of the whole account.

Each is judged by the counts as they are now, so nothing has to be told of an event, and a sweep that was late misses
nothing.
"""

from typing import Final

import structlog
from sqlalchemy import Connection

from app.domain.apps.budget import OF_AWS, Level, judge
from app.domain.webhooks.events import WebhookEvent
from app.services.apps import app_pauses
from app.services.apps.spending import budget_of, windows_of, windows_of_all
from app.services.isolation import each_apart
from app.services.outbox import announce
from app.store.apps.app_pauses import AppBudget, budgets, lock_budget
from app.store.engine.database import Database, clock
from app.store.operating import incidents

log = structlog.get_logger()

_ACTOR: Final = "budget"
NEARLY_SPENT: Final = "app_budget"
"""The kind of incident of an application that has crossed its first line."""

NEAR_AWS: Final = "account_reputation"
"""The kind of incident of the whole account, by the line that it has crossed."""

_LINES: Final = {Level.WARNS: "shortly before the lines of AWS", Level.PAUSES: "the lines of AWS"}


class WatchBudgets:
    """Watches the budgets of all applications, and of the account."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def sweep(self) -> int:
        """Judge every application and the account. How many were warned of, paused, or are fine again."""
        with self._database.reading() as connection:
            apps = budgets(connection)
        with self._database.transaction() as connection:
            of_account = _judge_account(connection)
        return of_account + each_apart(self._database, "budgets", apps, self._judge, name=lambda app: app.name)

    def _judge(self, app: AppBudget) -> bool:
        """Whether anything follows for this application."""
        with self._database.reading() as connection:
            budget = budget_of(app)
            judged = judge(budget, windows_of(connection, app, clock(connection)))
            is_warned = incidents.is_open(connection, NEARLY_SPENT, app.name)
        if judged.level is Level.PAUSES and app_pauses.not_paused_yet(app, budget.pauses):
            return self._pause(app)
        # One that is paused has an incident of its own.
        if (judged.level is not Level.FINE and not app.paused) == is_warned:
            return False
        with self._database.transaction() as connection:
            if is_warned:
                incidents.close_of(connection, NEARLY_SPENT, app.name)
            else:
                incidents.note(connection, kind=NEARLY_SPENT, subject=app.name, detail=judged.why)
                announce(connection, app_id=app.id, event=WebhookEvent.APP_WARNED, facts={"reason": judged.why})
        return True

    def _pause(self, app: AppBudget) -> bool:
        """Judge again with the application locked: it may have been resumed or paused since."""
        with self._database.transaction() as connection:
            locked = lock_budget(connection, app.id)
            budget = budget_of(locked)
            judged = judge(budget, windows_of(connection, locked, clock(connection)))
            if judged.level is not Level.PAUSES or not app_pauses.not_paused_yet(locked, budget.pauses):
                return False
            app_pauses.pause(connection, locked, budget.pauses, actor=_ACTOR, reason=judged.why)
        log.error("app_paused", app=app.name, why=judged.why)
        return True


def _judge_account(connection: Connection) -> int:
    """Open and close the incidents of the account. How many."""
    judged = judge(OF_AWS, windows_of_all(connection, clock(connection)))
    changed = 0
    for level, subject in _LINES.items():
        has_crossed, is_open = judged.level >= level, incidents.is_open(connection, NEAR_AWS, subject)
        if has_crossed and not is_open:
            incidents.note(connection, kind=NEAR_AWS, subject=subject, detail=judged.why)
        elif is_open and not has_crossed:
            incidents.close_of(connection, NEAR_AWS, subject)
        changed += has_crossed != is_open
    return changed
