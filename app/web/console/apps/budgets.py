"""`/console/apps/<app>/budget`: the lines of a budget, and the end of a pause."""

from typing import Final

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session, caller_of
from app.web.console.apps.app_forms import Lines
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.http.context import current_gateway

console_budgets = Pages("console_budgets", __name__)

_STAYS: Final = "A lane that is paused stays so until it is resumed."


@console_budgets.change(
    "/console/apps/<app>/budget",
    role=Role.ADMIN,
    summary="Change the lines of a budget.",
    form=Lines,
    done=f"The lines were saved. {_STAYS}",
)
def change_budget(session: Session, app: str, form: Lines) -> Response:
    """Lead back to the application."""
    lines = form.model_dump(exclude={"reason"})
    return _to(current_gateway().budgets.set(caller_of(session), app, lines, reason=form.reason).app)


@console_budgets.change(
    "/console/apps/<app>/budget/default",
    role=Role.ADMIN,
    summary="Give a budget the default lines.",
    form=WithReason,
    done=f"The budget has the default lines. {_STAYS}",
)
def reset_budget(session: Session, app: str, form: WithReason) -> Response:
    """Lead back to the application."""
    return _to(current_gateway().budgets.set(caller_of(session), app, {}, anew=True, reason=form.reason).app)


@console_budgets.change(
    "/console/apps/<app>/resume",
    role=Role.OPERATOR,
    summary="Resume an application that its budget has paused.",
    form=WithReason,
    done="The application was resumed, and what waits is sent. What it has spent so far does not pause it again.",
)
def resume_app(session: Session, app: str, form: WithReason) -> Response:
    """Lead back to the application."""
    current_gateway().budgets.resume(caller_of(session), app, reason=form.reason)
    return _to(app)


def _to(app: str) -> Response:
    return lead_to(url_after("console_app.show_app", app=app))
