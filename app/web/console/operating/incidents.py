"""`/console/incidents`: what holds email back, and the problems that a person has to look at, each with what to do."""

from enum import StrEnum
from functools import partial
from typing import Final
from uuid import UUID

from flask import Response

from app.domain.operating.incident_kinds import kind_of
from app.domain.sending.circuit_words import what_to_do, what_waits
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.operating.pause_lanes import Circuit
from app.services.operating.triage import Incident
from app.services.paging import every_page
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import WithReason
from app.web.console.frame.lists import ListQuery, filters_of, neighbours
from app.web.console.frame.navigation import Link, link_to
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_incidents = Pages("console_incidents", __name__)

COLUMNS: Final = ("kind", "subject", "count", "first", "last", "closed", "detail")
_HELD: Final = ("Held emails", "console_held.show_held")
_NOTIFICATIONS: Final = ("Notifications", "console_notifications.show_notifications")
_ACCOUNT: Final = ("AWS account", "console_account.show_account")
_APPS: Final = ("Applications", "console_apps.show_apps")
_PAGES: Final = {
    "webhook_disabled": ("Failed webhooks", "console_failed_deliveries.show_failed_deliveries"),
    "webhook_unsigned": _APPS,
    "app_budget": _APPS,
    "app_paused": _APPS,
    "account_reputation": ("Overview", "overview.show_overview"),
    "mass_bounces": ("Reviews", "console_reviews.show_reviews"),
    "feedback_unsubscribed": _ACCOUNT,
    "ses_list_shrunk": _ACCOUNT,
    "ses_answer_unknown": _HELD,
    "ses_sandbox": _HELD,
    "render_failed": _HELD,
    "body_unreadable": _HELD,
    "canary_missing": _ACCOUNT,
    "feedback_silent": _ACCOUNT,
    "feedback_refused": _ACCOUNT,
    "feedback_doubted": _ACCOUNT,
    "queue_message_refused": _NOTIFICATIONS,
    "queue_message_waits": _ACCOUNT,
    "queue_not_polled": _ACCOUNT,
    "foreign_account": _NOTIFICATIONS,
    "foreign_configuration_set": _NOTIFICATIONS,
    "unreadable_notification": _NOTIFICATIONS,
    "poison_notification": _NOTIFICATIONS,
}
"""Where a person acts on the incidents of a kind: the name and the endpoint of the page."""


class Which(StrEnum):
    """Which incidents are listed."""

    OPEN = "open"
    CLOSED = "closed"


class IncidentsQuery(ListQuery):
    """Which incidents, and which page of them."""

    which: Which = Which.OPEN


@console_incidents.page(
    "/console/incidents", role=Role.VIEWER, summary="Show what holds email back, and incidents.", query=IncidentsQuery
)
def show_incidents(session: Session, query: IncidentsQuery) -> Response:
    """Answer with the open circuits, the lanes, and one page of incidents."""
    gateway, caller = current_gateway(), caller_of(session)
    circuits = gateway.pause_lanes.open_circuits(caller)
    found = gateway.triage.page(caller, query.page(), are_open=query.which is Which.OPEN)
    paused = {lane for lane in Lane if any(one.scope == f"lane:{lane}" for one in circuits)}
    return render(
        "operating/incidents.html",
        circuits=circuits,
        lane_of=_lane_of,
        what_waits=what_waits,
        what_to_do=what_to_do,
        running=[lane for lane in Lane if lane not in paused],
        incidents=found.data,
        kind_of=kind_of,
        page_of=_page_of,
        query=query,
        pages=neighbours("console_incidents.show_incidents", query, found, lambda one: one.id),
        filters=filters_of(query),
    )


@console_incidents.page("/console/incidents.csv", role=Role.VIEWER, summary="Download incidents.", query=IncidentsQuery)
def download_incidents(session: Session, query: IncidentsQuery) -> Response:
    """Answer with all open incidents, or all closed ones."""
    read = partial(current_gateway().triage.page, caller_of(session), are_open=query.which is Which.OPEN)
    pieces = every_page(read, lambda one: one.id)
    return csv_download("incidents", COLUMNS, (map(_row, piece) for piece in pieces))


@console_incidents.change(
    "/console/incidents/<uuid:incident_id>/close",
    role=Role.OPERATOR,
    summary="Close an incident.",
    form=WithReason,
    done="Closed. It opens again if the same thing happens again.",
)
def close_incident(session: Session, incident_id: UUID, form: WithReason) -> Response:
    """Close it; the audit keeps the reason."""
    current_gateway().triage.close(caller_of(session), incident_id, reason=form.reason)
    return lead_to(url_after("console_incidents.show_incidents"))


def _lane_of(circuit: Circuit) -> str:
    """The lane that a person has paused, empty for a circuit of another kind."""
    kind, _, name = circuit.scope.partition(":")
    return name if kind == "lane" else ""


def _page_of(kind: str) -> Link | None:
    """The page on which a person acts on incidents of this kind."""
    return link_to(*_PAGES[kind]) if kind in _PAGES else None


def _row(one: Incident) -> tuple[object, ...]:
    return one.kind, one.subject, one.count, one.first_at, one.last_at, one.closed_at, one.detail
