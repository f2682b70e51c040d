"""`/v1/apps/<app>/budget`: the lines at which an application is warned of and paused, and the end of a pause."""

from dataclasses import asdict
from typing import Annotated, Literal, Self

from flask import Response
from pydantic import Field, StrictFloat, StrictInt

from app.domain.apps.budget import Budget, Pauses, Window
from app.domain.apps.callers import Caller, Scope
from app.services.apps.budgets import BudgetReport
from app.web.http.context import current_gateway
from app.web.http.known import Known
from app.web.http.responses import View
from app.web.http.routing import Operation, Routes

budgets = Routes("budgets", __name__, url_prefix="/v1/apps/<app>")

_DEFAULT = Budget()
Share = Annotated[StrictFloat | StrictInt, Field(examples=[0.02])]


class BudgetBody(Known):
    """The lines to change, as shares of the recipients whose email SES took: 0.02 is 2 %. What is left out stays."""

    warn_bounces: Share = Field(_DEFAULT.warn_bounces, description="Bounced for good: warn at this share.")
    pause_bounces: Share = Field(_DEFAULT.pause_bounces, description="Bounced for good: pause at this share.")
    warn_complaints: Share = Field(_DEFAULT.warn_complaints, description="Complained: warn at this share.")
    pause_complaints: Share = Field(_DEFAULT.pause_complaints, description="Complained: pause at this share.")
    minimum: StrictInt = Field(_DEFAULT.minimum, description="Fewer recipients are not judged.")
    pauses: Pauses = Field(_DEFAULT.pauses, description="The lanes that are paused at the second line.")


class ResumeBody(Known):
    """Why the application may go on."""

    reason: str = Field(description="Kept in the audit.")


class SpentView(View):
    """The emails of one window: recipients whose email SES took, and those that bounced for good or complained."""

    sent: int
    hard_bounced: int
    complained: int


class BudgetView(View):
    """The budget of an application. `level` is the worst line that is crossed in a window, and `why` says which."""

    object: Literal["budget"]
    app: str
    warn_bounces: float
    pause_bounces: float
    warn_complaints: float
    pause_complaints: float
    minimum: int
    pauses: Pauses
    windows: dict[Window, SpentView]
    level: Literal["fine", "warns", "pauses"]
    why: str
    paused: list[str]
    paused_reason: str | None

    @classmethod
    def of(cls, report: BudgetReport) -> Self:
        """Make it from a report."""
        return cls.model_validate(
            {
                "object": "budget",
                "app": report.app,
                **asdict(report.budget),
                "windows": {window: asdict(spent) for window, spent in report.windows.items()},
                "level": report.judged.level.name.lower(),
                "why": report.judged.why,
                "paused": list(report.paused),
                "paused_reason": report.paused_reason,
            }
        )


@budgets.operation(
    "GET", "/budget", Operation(guard=Scope.ADMIN, summary="Show a budget, and how far it is spent.", gives=BudgetView)
)
def get_budget(caller: Caller, app: str) -> Response:
    """Answer with the budget."""
    return BudgetView.of(current_gateway().budgets.show(caller, app)).answer()


@budgets.operation(
    "PATCH",
    "/budget",
    Operation(
        guard=Scope.ADMIN,
        summary="Change the lines of a budget that are given.",
        body=BudgetBody,
        gives=BudgetView,
    ),
)
def change_budget(caller: Caller, app: str, body: BudgetBody) -> Response:
    """Answer with the changed budget."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    return BudgetView.of(current_gateway().budgets.set(caller, app, changes)).answer()


@budgets.operation(
    "POST",
    "/resume",
    Operation(
        guard=Scope.ADMIN,
        summary="Resume an application that its budget has paused.",
        body=ResumeBody,
        gives=BudgetView,
    ),
)
def resume_app(caller: Caller, app: str, body: ResumeBody) -> Response:
    """Answer with the budget; what was spent by now does not pause the application again."""
    gateway = current_gateway()
    gateway.budgets.resume(caller, app, reason=body.reason)
    return BudgetView.of(gateway.budgets.show(caller, app)).answer()
