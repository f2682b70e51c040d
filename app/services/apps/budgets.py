"""Show the budget of an application, set its lines, and resume one that was paused."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection

from app.domain.apps.budget import Budget, Judgement, Spent, Window, judge
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.services.apps import app_pauses
from app.services.apps.apps import find_app
from app.services.apps.spending import budget_of, windows_of
from app.store.apps import app_pauses as rows
from app.store.apps.app_pauses import AppBudget, PausedLane
from app.store.engine.database import Database, clock
from app.store.operating import audit

_MOST_MINIMUM = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReport:
    """The lines of an application, what it has spent in each window, and which of its lanes are paused, and why."""

    app: str
    budget: Budget
    windows: Mapping[Window, Spent]
    judged: Judgement
    paused: tuple[str, ...]
    paused_reason: str | None


class Budgets:
    """Shows and sets budgets, and resumes applications, for administrators. `app` is a name or an id.

    An unknown one raises `NotFound`.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def show(self, caller: Caller, app: str) -> BudgetReport:
        """The budget and how far it is spent."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return _report(connection, rows.budget_of(connection, find_app(connection, app).id))

    def set(
        self, caller: Caller, app: str, changes: Mapping[str, Any], *, anew: bool = False, reason: str | None = None
    ) -> BudgetReport:
        """Change these fields of the budget; with `anew` all others become the default.

        A lane that is paused stays so. Raises `ValidationFailed`.
        """
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            found = rows.lock_budget(connection, find_app(connection, app).id)
            wanted = replace(Budget() if anew else budget_of(found), **changes)
            _check(wanted)
            default = Budget()
            stored = {name: value for name, value in asdict(wanted).items() if value != getattr(default, name)}
            if changes or anew:
                rows.set_budget(connection, found.id, stored or None)
                data = {"app": found.name, **stored}
                audit.write(connection, actor=caller.actor, action="app_budget", key=None, reason=reason, data=data)
            return _report(connection, replace(found, budget=stored or None))

    def paused(self, caller: Caller) -> tuple[PausedLane, ...]:
        """Every lane of an application that is paused."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return rows.paused_lanes(connection)

    def resume(self, caller: Caller, app: str, *, reason: str) -> tuple[str, ...]:
        """Resume the application. The lanes that were paused. Raises `NotFound` if none is, and `ValidationFailed`."""
        caller.require(Scope.ADMIN)
        why = reason.strip()
        if not why:
            raise _invalid("reason", "required", "Give a reason: it explains to others why email goes on.")
        with self._database.transaction() as connection:
            found = rows.lock_budget(connection, find_app(connection, app).id)
            if not found.paused:
                raise NotFound("This application is not paused.")
            app_pauses.resume(connection, found, actor=caller.actor, reason=why)
        return found.paused


def _report(connection: Connection, app: AppBudget) -> BudgetReport:
    budget, windows = budget_of(app), windows_of(connection, app, clock(connection))
    return BudgetReport(
        app=app.name,
        budget=budget,
        windows=windows,
        judged=judge(budget, windows),
        paused=app.paused,
        paused_reason=app.paused_reason,
    )


def _check(budget: Budget) -> None:
    """Raise `ValidationFailed` for lines that make no sense."""
    if not 1 <= budget.minimum <= _MOST_MINIMUM:
        raise _invalid("minimum", "range", f"The minimum is 1 to {_MOST_MINIMUM:,} recipients.")
    for what in ("bounces", "complaints"):
        warns, pauses = getattr(budget, f"warn_{what}"), getattr(budget, f"pause_{what}")
        if not 0 < pauses <= 1:
            raise _invalid(f"pause_{what}", "range", "A line is more than 0 % and at most 100 %.")
        if not 0 < warns <= pauses:
            raise _invalid(f"warn_{what}", "range", "The warning comes before the pause, at more than 0 %.")


def _invalid(name: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(f"/{name}", code, rule),))
