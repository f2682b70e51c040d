"""Watch budgets: warn of an application at the first line and pause it at the second, and warn of the whole account.

Each is judged by the counts as they are now. So no event has to be passed on, and a sweep that was late misses nothing.
"""

from enum import Enum, auto
from typing import Final

import structlog
from sqlalchemy import Connection

from app.domain.apps.budget import OF_AWS, Level, judge
from app.domain.webhooks.events import WebhookEvent
from app.services.apps import app_pauses
from app.services.apps.spending import (
    Windows,
    budget_of,
    resumed_lately,
    usual_windows,
    windows_of,
    windows_of_account,
)
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


class _Step(Enum):
    """What follows for an application."""

    WARN = auto()
    END_WARNING = auto()
    PAUSE = auto()


class WatchBudgets:
    """Watches the budgets of all applications, and of the account."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def sweep(self) -> int:
        """Judge every application and the account. How many were warned of, paused, or are fine again."""
        with self._database.reading() as connection:
            now, apps = clock(connection), budgets(connection)
            warned = incidents.open_subjects(connection, NEARLY_SPENT)
            usual = usual_windows(connection, now)

        def watch(app: AppBudget) -> bool:
            windows = usual.get(app.id, {})
            if not resumed_lately(app, now) and _step(app, windows, is_warned=app.name in warned) is None:
                return False
            return self._decide(app)

        with self._database.transaction() as connection:
            of_account = _judge_account(connection, windows_of_account(usual.values()))
        return of_account + each_apart(self._database, "budgets", apps, watch, name=lambda app: app.name)

    def _decide(self, app: AppBudget) -> bool:
        """Judge the application while it is locked: another sweep, a resume or a change may have come first."""
        with self._database.transaction() as connection:
            locked = lock_budget(connection, app.id)
            windows = windows_of(connection, locked, clock(connection))
            step = _step(locked, windows, is_warned=incidents.is_open(connection, NEARLY_SPENT, locked.name))
            why = judge(budget_of(locked), windows).why
            if step is _Step.WARN:
                incidents.note(connection, kind=NEARLY_SPENT, subject=locked.name, detail=why)
                announce(connection, app_id=locked.id, event=WebhookEvent.APP_WARNED, facts={"reason": why})
            elif step is _Step.END_WARNING:
                incidents.close_of(connection, NEARLY_SPENT, locked.name)
            elif step is _Step.PAUSE:
                app_pauses.pause(connection, locked, budget_of(locked).pauses, actor=_ACTOR, reason=why)
        if step is _Step.PAUSE:
            log.error("app_paused", app=app.name, why=why)
        return step is not None


def _step(app: AppBudget, windows: Windows, *, is_warned: bool) -> _Step | None:
    """What follows for an application that has spent this; `is_warned` says whether there is a warning of it."""
    budget = budget_of(app)
    level = judge(budget, windows).level
    if level is Level.PAUSES and app_pauses.not_paused_yet(app, budget.pauses):
        return _Step.PAUSE
    # One that is paused has an incident of its own.
    is_near = level is not Level.FINE and not app.paused
    if is_near == is_warned:
        return None
    return _Step.WARN if is_near else _Step.END_WARNING


def _judge_account(connection: Connection, windows: Windows) -> int:
    """Open and close the incidents of the account. How many."""
    judged = judge(OF_AWS, windows)
    changed = 0
    for level, subject in _LINES.items():
        has_crossed, is_open = judged.level >= level, incidents.is_open(connection, NEAR_AWS, subject)
        if has_crossed and not is_open:
            incidents.note(connection, kind=NEAR_AWS, subject=subject, detail=judged.why)
        elif is_open and not has_crossed:
            incidents.close_of(connection, NEAR_AWS, subject)
        changed += has_crossed != is_open
    return changed
