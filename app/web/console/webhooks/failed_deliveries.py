"""`/console/failed-deliveries`: the events that no endpoint took in three days of tries, over all endpoints."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.users.roles import Role
from app.domain.webhooks.retries import DeliveryState
from app.services.paging import every_page
from app.services.users.sessions import Session, caller_of
from app.services.webhooks.deliveries import FailedDelivery
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import Form, WithReason
from app.web.console.frame.lists import ListQuery, neighbours
from app.web.console.frame.masks import shown_endpoint
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway
from app.web.http.fields import SinceField, UntilField

console_failed_deliveries = Pages("console_failed_deliveries", __name__)

_COLUMNS: Final = ("id", "app", "endpoint", "type", "email_id", "attempts", "detail", "created_at", "ended_at")


class AppFilter(Form):
    """Of which application."""

    app: Annotated[str, Field(max_length=63)] | None = None


class FailedQuery(AppFilter, ListQuery):
    """Which failed deliveries, and which page of them."""


class Period(WithReason):
    """The period in which what failed was queued."""

    since: SinceField
    until: UntilField


@console_failed_deliveries.page(
    "/console/failed-deliveries", role=Role.VIEWER, summary="List the deliveries that failed.", query=FailedQuery
)
def show_failed_deliveries(session: Session, query: FailedQuery) -> Response:
    """Answer with one page."""
    found = current_gateway().webhooks.deliveries.failed(caller_of(session), query.page(), app=query.app)
    pages = neighbours("console_failed_deliveries.show_failed_deliveries", query, found, lambda one: one.id)
    return render(
        "webhooks/failed.html",
        deliveries=found.data,
        oldest={one.endpoint_id: one for one in found.data},
        newest={one.endpoint_id: one for one in reversed(found.data)},
        query=query,
        pages=pages,
    )


@console_failed_deliveries.page(
    "/console/failed-deliveries.csv",
    role=Role.VIEWER,
    summary="Download the deliveries that failed.",
    query=AppFilter,
)
def download_failed_deliveries(session: Session, query: AppFilter) -> Response:
    """Answer with the list as CSV."""
    page = partial(current_gateway().webhooks.deliveries.failed, caller_of(session), app=query.app)
    pieces = every_page(page, lambda delivery: delivery.id)
    return csv_download("failed-webhooks", _COLUMNS, (map(_cells, piece) for piece in pieces))


@console_failed_deliveries.change(
    "/console/failed-deliveries/<uuid:endpoint_id>/<uuid:delivery_id>/replay",
    role=Role.OPERATOR,
    summary="Send a failed delivery once more.",
    form=WithReason,
    done="The event is sent once more, under the same id. If it fails again, it is listed here again.",
)
def replay_failed_delivery(session: Session, endpoint_id: UUID, delivery_id: UUID, form: WithReason) -> Response:
    """Lead back to the list."""
    current_gateway().webhooks.deliveries.replay(caller_of(session), endpoint_id, delivery_id, reason=form.reason)
    return _back()


@console_failed_deliveries.change(
    "/console/failed-deliveries/<uuid:endpoint_id>/replay",
    role=Role.OPERATOR,
    summary="Send what failed at an endpoint once more.",
    form=Period,
    done="What failed at this endpoint in the period is sent once more, each event under its own id.",
)
def replay_failed_deliveries(session: Session, endpoint_id: UUID, form: Period) -> Response:
    """Lead back to the list."""
    current_gateway().webhooks.deliveries.replay_period(
        caller_of(session),
        endpoint_id,
        since=form.since,
        until=form.until,
        state=DeliveryState.FAILED,
        reason=form.reason,
    )
    return _back()


def _back() -> Response:
    return lead_to(url_after("console_failed_deliveries.show_failed_deliveries"))


def _cells(delivery: FailedDelivery) -> list[object]:
    return [shown_endpoint(delivery.url) if name == "endpoint" else getattr(delivery, name) for name in _COLUMNS]
