"""Whether email goes out, how much of the account is used, and what is wrong: all that the overview shows of now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.apps.budget import Spent, Window
from app.domain.apps.callers import Caller, Scope
from app.services.account.quota import LastQuota, SeenQuota
from app.services.apps.spending import Windows, begins, usual_windows, windows_of_account
from app.services.operating.health import Health
from app.services.operating.metrics import COUNTED_UP_TO, Figures, Measure
from app.services.operating.overview.concerns import About, Concern, concerns
from app.store.engine.database import Database, clock
from app.store.sending import attempts, circuits

__all__ = ["COUNTED_UP_TO", "About", "Concern", "Now", "Overview", "SeenQuota", "Spent"]

_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The state at this moment.

    `per_second`: the calls to SES of the last ten seconds, a second. `rate`: what it may be, as set or as SES said
    last; None if it is not known. `spent` has what all applications have spent, in each window, and `since` when
    that began.
    """

    figures: Figures
    concerns: tuple[Concern, ...]
    per_second: float
    rate: float | None
    quota: SeenQuota | None
    spent: Windows
    since: Mapping[Window, datetime]


class Overview:
    """Looks at everything, without a call to AWS. `rate` is SES_MAX_SEND_RATE, if it is set."""

    def __init__(
        self, *, database: Database, measure: Measure, health: Health, last_quota: LastQuota, rate: float | None
    ) -> None:
        self._database = database
        self._measure = measure
        self._health = health
        self._last_quota = last_quota
        self._rate = rate

    def __call__(self, caller: Caller) -> Now:
        """The state now. It is for admins. Raises `ServiceUnavailable`."""
        caller.require(Scope.ADMIN)
        figures, quota = self._measure(), self._last_quota.read(caller)
        with self._database.reading() as connection:
            now = clock(connection)
            called = attempts.begun_since(connection, now - timedelta(seconds=_SECONDS), limit=COUNTED_UP_TO)
            spent = windows_of_account(usual_windows(connection, now).values())
            waiting = circuits.all_open(connection)
        return Now(
            figures=figures,
            concerns=concerns(self._health.ready(), waiting, figures),
            per_second=called / _SECONDS,
            rate=self._rate or (quota.quota.max_send_rate if quota else None),
            quota=quota,
            spent=spent,
            since={window: begins(window, now) for window in spent},
        )
