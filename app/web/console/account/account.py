"""`/console/account`: what the AWS account may send, what is wrong with it, and what its set-up lacks."""

from typing import Final

from flask import Response

from app.domain.users.roles import Role
from app.services.operating.doctor.report import Action, Finding, Group, Report, Status
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import NoForm
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway
from app.wiring.doctor import build_report

console_account = Pages("console_account", __name__)

_GROUPS: Final = {
    Group.HERE: "This gateway",
    Group.ACCOUNT: "The account",
    Group.PERMISSIONS: "Permissions",
    Group.IDENTITY: "Senders",
    Group.EVENTS: "Events",
    Group.QUEUES: "Queues",
}
_RESULTS: Final = {
    Status.WELL: ("good", "well"),
    Status.WARNING: ("warn", "could be better"),
    Status.WRONG: ("bad", "wrong"),
    Status.UNKNOWN: ("unsure", "could not look"),
    Status.SKIPPED: ("unsure", "skipped"),
}
"""The look of a result, and its words."""

_ACTIONS: Final = {
    Action.MAKE: ("going", "to make"),
    Action.CHANGE: ("warn", "to change"),
    Action.REMOVE: ("bad", "to remove"),
    Action.REFUSE: ("bad", "in the way"),
}


@console_account.page("/console/account", role=Role.VIEWER, summary="Show the AWS account.")
def show_account(session: Session) -> Response:
    """Answer with what was found last, without a call to AWS."""
    gateway, caller = current_gateway(), caller_of(session)
    report = gateway.last_report(caller)
    return render(
        "account/account.html",
        report=report,
        groups=_grouped(report),
        results=_RESULTS,
        actions=_ACTIONS,
        seen=gateway.last_quota.read(caller),
        sync=gateway.sync.position(caller),
        settings=gateway.settings,
    )


@console_account.change(
    "/console/account/look",
    role=Role.OPERATOR,
    summary="Look at the gateway and its AWS account.",
    done="This is what was found just now. Nothing was changed.",
)
def look_at_account(session: Session, form: NoForm) -> Response:  # noqa: ARG001 - every change has a form
    """Make a report, which takes some seconds, and show it."""
    build_report(current_gateway())(caller_of(session))
    return lead_to(url_after("console_account.show_account"))


def _grouped(report: Report | None) -> list[tuple[str, list[Finding]]]:
    """The findings by group, in each those first that need somebody."""
    if report is None:
        return []
    order = [Status.WRONG, Status.UNKNOWN, Status.WARNING, Status.SKIPPED, Status.WELL]
    groups = (
        (name, sorted((one for one in report.findings if one.group is group), key=lambda one: order.index(one.status)))
        for group, name in _GROUPS.items()
    )
    return [(name, found) for name, found in groups if found]
