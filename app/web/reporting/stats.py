"""`/v1/stats`: how many recipients were accepted, delivered to, bounced and so on, by hour or by day."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from flask import Response
from pydantic import Field

from app.domain.apps.callers import Caller, Scope
from app.domain.reporting.counted import Counted
from app.services.reporting.stats import Ask, By, Period, Stats
from app.web.http.context import current_gateway
from app.web.http.fields import ProviderName, SinceField, UntilField
from app.web.http.known import Known
from app.web.http.responses import Moment, View
from app.web.http.routing import Operation, Routes

stats = Routes("stats", __name__, url_prefix="/v1/stats")


class StatsQuery(Known):
    """Which counts, and in which periods. Only an admin may give `app`, and sees all applications without it."""

    by: By = By.DAY
    since: Annotated[SinceField | None, Field(description="Default: a day ago by hour, 30 days ago by day.")] = None
    until: UntilField | None = None
    app: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    stream: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    provider: ProviderName | None = None

    def ask(self) -> Ask:
        """The question as the service takes it."""
        return Ask(**{name: getattr(self, name) for name in type(self).model_fields})


class CountsView(View):
    """How many recipients are counted as each now. The outcomes from `delivered` to `unknown` exclude each other."""

    accepted: int
    sent: int
    delivered: int
    delayed: int
    bounced: int
    complained: int
    suppressed: int
    failed: int
    expired: int
    canceled: int
    unknown: int
    hard_bounced: int
    opened: int
    clicked: int

    @classmethod
    def of(cls, numbers: Mapping[Counted, int]) -> Self:
        """Make it from the numbers."""
        return cls(**{what.value: number for what, number in numbers.items()})


class PeriodView(View):
    """The counts of the emails that were accepted in the hour or day that begins `at` this time."""

    at: Moment
    counts: CountsView

    @classmethod
    def of(cls, period: Period) -> Self:
        """Make it from a period."""
        return cls(at=period.at, counts=CountsView.of(period.counts))


class StatsView(View):
    """Whole periods from `since` until `until`: their sums, and each period in which anything was counted."""

    object: Literal["stats"]
    by: By
    since: Moment
    until: Moment
    total: CountsView
    data: list[PeriodView]

    @classmethod
    def of(cls, by: By, found: Stats) -> Self:
        """Make it from the counts."""
        return cls(
            object="stats",
            by=by,
            since=found.since,
            until=found.until,
            total=CountsView.of(found.total),
            data=[PeriodView.of(one) for one in found.periods],
        )


@stats.operation(
    "GET",
    "",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="Count recipients by hour or day and by what became of them.",
        query=StatsQuery,
        gives=StatsView,
    ),
)
def read_stats(caller: Caller, query: StatsQuery) -> Response:
    """Answer with the counts as they are now."""
    return StatsView.of(query.by, current_gateway().reporting.read_stats(caller, query.ask())).answer()
