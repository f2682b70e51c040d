"""`/console/webhooks/<id>/deliveries`: one delivery with each call for it, and replays of one or of a period."""

from functools import partial
from typing import Final
from uuid import UUID

from flask import Response

from app.domain.users.roles import Role
from app.domain.webhooks.retries import DeliveryState
from app.services.paging import every_page
from app.services.users.sessions import Session, caller_of
from app.services.webhooks.deliveries import Delivery
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import Form, WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway
from app.web.http.fields import SinceField, UntilField

console_deliveries = Pages("console_deliveries", __name__)

_COLUMNS: Final = (
    *("id", "message_id", "type", "email_id", "recipient_id"),
    *("state", "attempts", "created_at", "due_at", "ended_at"),
)


class StateFilter(Form):
    """Which deliveries of an endpoint."""

    state: DeliveryState | None = None


class Period(WithReason):
    """The period whose deliveries are sent once more, by when they were queued; all, or those of one state."""

    since: SinceField
    until: UntilField
    state: DeliveryState | None = None


@console_deliveries.page(
    "/console/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>",
    role=Role.VIEWER,
    summary="Show a delivery and each call for it.",
)
def show_delivery(session: Session, endpoint_id: UUID, delivery_id: UUID) -> Response:
    """Answer with the delivery."""
    webhooks, caller = current_gateway().webhooks, caller_of(session)
    found = webhooks.deliveries.get(caller, endpoint_id, delivery_id)
    endpoint = webhooks.endpoints.find(caller, endpoint_id)
    return render("webhooks/delivery.html", endpoint=endpoint, delivery=found.delivery, calls=found.attempts)


@console_deliveries.page(
    "/console/webhooks/<uuid:endpoint_id>/deliveries.csv",
    role=Role.VIEWER,
    summary="Download the deliveries of an endpoint.",
    query=StateFilter,
)
def download_deliveries(session: Session, endpoint_id: UUID, query: StateFilter) -> Response:
    """Answer with the deliveries as CSV."""
    webhooks, caller = current_gateway().webhooks, caller_of(session)
    webhooks.endpoints.find(caller, endpoint_id)
    pieces = every_page(
        partial(webhooks.deliveries.page, caller, endpoint_id, state=query.state), lambda delivery: delivery.id
    )
    return csv_download("deliveries", _COLUMNS, (map(_cells, piece) for piece in pieces))


@console_deliveries.change(
    "/console/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay",
    role=Role.OPERATOR,
    summary="Send a delivery once more.",
    form=WithReason,
    done="The event is sent once more, under the same id. Without script, reload this page to see the answer.",
)
def replay_delivery(session: Session, endpoint_id: UUID, delivery_id: UUID, form: WithReason) -> Response:
    """Lead back to the delivery."""
    current_gateway().webhooks.deliveries.replay(caller_of(session), endpoint_id, delivery_id, reason=form.reason)
    page = url_after("console_deliveries.show_delivery", endpoint_id=endpoint_id, delivery_id=delivery_id)
    return lead_to(page)


@console_deliveries.change(
    "/console/webhooks/<uuid:endpoint_id>/replay",
    role=Role.OPERATOR,
    summary="Send the deliveries of a period once more.",
    form=Period,
    done="The events of the period wait to be sent once more, each under its own id.",
)
def replay_period(session: Session, endpoint_id: UUID, form: Period) -> Response:
    """Lead to what waits for the endpoint."""
    current_gateway().webhooks.deliveries.replay_period(
        caller_of(session), endpoint_id, since=form.since, until=form.until, state=form.state, reason=form.reason
    )
    page = url_after("console_endpoint.show_endpoint", endpoint_id=endpoint_id, state=DeliveryState.WAITING)
    return lead_to(page)


def _cells(delivery: Delivery) -> list[object]:
    return [getattr(delivery, name) for name in _COLUMNS]
