"""`/console/apps/<app>`: one application with its budget, keys, streams and endpoints; change and archive it."""

from typing import Final

from flask import Response

from app.domain.apps.callers import Scope
from app.domain.apps.key_kinds import KeyKind
from app.domain.users.roles import Role
from app.domain.webhooks.events import SUBSCRIBABLE
from app.queue import Lane
from app.services.paging import Page, PageByName
from app.services.users.sessions import Session, caller_of
from app.services.webhooks.endpoints import MOST_ENDPOINTS
from app.web.console.apps.app_forms import Settings
from app.web.console.apps.budget_bars import bars_of, in_percent
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_app = Pages("console_app", __name__)

DOORS: Final = {Scope.SES: "the SES door, for AWS SDKs", Scope.SMTP: "the SMTP door"}
"""The scopes that are doors, in words."""

KINDS: Final = {
    KeyKind.LIVE: "live: writes to every address",
    KeyKind.TEAM: "team: writes to the team only",
    KeyKind.TEST: "test: nothing is sent",
}
"""The kinds of keys, in words."""

_FIRST: Final = 10
"""The most keys and streams that the page shows. The others are on pages of their own."""

_SOON: Final = "Every process uses it within five seconds."


@console_app.page("/console/apps/<app>", role=Role.VIEWER, summary="Show an application.")
def show_app(session: Session, app: str) -> Response:
    """Answer with the application and all that belongs to it."""
    gateway, caller = current_gateway(), caller_of(session)
    found = gateway.apps.find(caller, app)
    report = gateway.budgets.show(caller, found.name)
    return render(
        "apps/app.html",
        app=found,
        accepted_today=gateway.apps.accepted_today(caller, found) if found.emails_per_day else None,
        report=report,
        bars=bars_of(report.budget, report.windows),
        lines=in_percent(report.budget),
        keys=gateway.issue_keys.page(caller, found.name, Page(_FIRST), working=True),
        streams=gateway.streams.page(caller, found.name, PageByName(_FIRST)),
        endpoints=gateway.webhooks.endpoints.page(caller, Page(limit=MOST_ENDPOINTS), app=found.name).data,
        choices={"lanes": Lane, "scopes": Scope, "kinds": KINDS, "doors": DOORS, "events": SUBSCRIBABLE},
    )


@console_app.change(
    "/console/apps/<app>",
    role=Role.ADMIN,
    summary="Change the settings of an application.",
    form=Settings,
    done=f"The settings were saved. {_SOON}",
)
def change_app(session: Session, app: str, form: Settings) -> Response:
    """Lead back to the application."""
    changed = current_gateway().apps.change(caller_of(session), app, form.options(), reason=form.reason)
    return _to(changed.name)


@console_app.change(
    "/console/apps/<app>/archive",
    role=Role.ADMIN,
    summary="Archive an application.",
    form=WithReason,
    done="The application is archived. Its keys are refused within five seconds; what was accepted is still sent.",
)
def archive_app(session: Session, app: str, form: WithReason) -> Response:
    """Lead back to the application."""
    return _to(current_gateway().apps.archive(caller_of(session), app, reason=form.reason).name)


@console_app.change(
    "/console/apps/<app>/unarchive",
    role=Role.ADMIN,
    summary="Unarchive an application.",
    form=WithReason,
    done="The application is no longer archived. Its keys are accepted within five seconds.",
)
def unarchive_app(session: Session, app: str, form: WithReason) -> Response:
    """Lead back to the application."""
    return _to(current_gateway().apps.unarchive(caller_of(session), app, reason=form.reason).name)


def _to(app: str) -> Response:
    return lead_to(url_after("console_app.show_app", app=app))
