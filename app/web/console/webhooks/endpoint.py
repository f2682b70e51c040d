"""`/console/webhooks/<id>`: one endpoint with its health and its deliveries; add, change, disable, test and delete it.

A secret is shown when it is made, and never again.
"""

from typing import Annotated
from uuid import UUID

from flask import Response, url_for
from pydantic import Field

from app.domain.users.roles import Role
from app.domain.webhooks.events import SUBSCRIBABLE
from app.domain.webhooks.retries import DISABLED_AFTER, DeliveryState
from app.services.users.sessions import Session, caller_of
from app.services.webhooks.deliveries import COUNTED_AT_MOST
from app.services.webhooks.endpoints import EndpointChange, EndpointStatus, NewEndpoint, WithSecret
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import Several, WithReason
from app.web.console.frame.lists import ListQuery, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_endpoint = Pages("console_endpoint", __name__)

_MOST_EVENTS = 100
_ENDED = "It gets no new events, and what waits for it keeps waiting."


class EndpointForm(WithReason):
    """An endpoint: its URL, the events that it gets, and a description."""

    endpoint: str
    events: Annotated[tuple[str, ...], Several, Field(max_length=_MOST_EVENTS)]
    description: str = ""


class DeliveriesQuery(ListQuery):
    """Which deliveries of the endpoint."""

    state: DeliveryState | None = None


@console_endpoint.page(
    "/console/webhooks/<uuid:endpoint_id>", role=Role.VIEWER, summary="Show an endpoint.", query=DeliveriesQuery
)
def show_endpoint(session: Session, endpoint_id: UUID, query: DeliveriesQuery) -> Response:
    """Answer with the endpoint and one page of its deliveries."""
    webhooks, caller = current_gateway().webhooks, caller_of(session)
    endpoint = webhooks.endpoints.find(caller, endpoint_id)
    found = webhooks.deliveries.page(caller, endpoint_id, query.page(), state=query.state)
    pages = neighbours(
        "console_endpoint.show_endpoint", query, found, lambda delivery: delivery.id, endpoint_id=endpoint_id
    )
    return render(
        "webhooks/endpoint.html",
        endpoint=endpoint,
        is_channel=not set(endpoint.events) <= set(SUBSCRIBABLE),
        backlog=webhooks.deliveries.backlog(caller, endpoint_id),
        most=COUNTED_AT_MOST,
        days=DISABLED_AFTER.days,
        deliveries=found.data,
        query=query,
        pages=pages,
        events=SUBSCRIBABLE,
        states=DeliveryState,
    )


@console_endpoint.change("/console/apps/<app>/webhooks", role=Role.ADMIN, summary="Add an endpoint.", form=EndpointForm)
def add_endpoint(session: Session, app: str, form: EndpointForm) -> Response:
    """Answer with the secret."""
    new = NewEndpoint(url=form.endpoint.strip(), events=form.events, description=form.description or None, app=app)
    return _shown(current_gateway().webhooks.endpoints.add(caller_of(session), new, reason=form.reason))


@console_endpoint.change(
    "/console/webhooks/<uuid:endpoint_id>",
    role=Role.ADMIN,
    summary="Change an endpoint.",
    form=EndpointForm,
    done="The endpoint was changed.",
)
def change_endpoint(session: Session, endpoint_id: UUID, form: EndpointForm) -> Response:
    """Lead back to the endpoint. An endpoint whose URL stays is not called earlier than it would be."""
    endpoints, caller = current_gateway().webhooks.endpoints, caller_of(session)
    url = form.endpoint.strip()
    change = EndpointChange(
        url=url if url != endpoints.find(caller, endpoint_id).url else None,
        events=form.events,
        description=form.description,
    )
    endpoints.change(caller, endpoint_id, change, reason=form.reason)
    return _back(endpoint_id)


@console_endpoint.change(
    "/console/webhooks/<uuid:endpoint_id>/enable",
    role=Role.ADMIN,
    summary="Enable an endpoint.",
    form=WithReason,
    done="The endpoint is enabled. What waits for it is sent now.",
)
def enable_endpoint(session: Session, endpoint_id: UUID, form: WithReason) -> Response:
    """Lead back to the endpoint."""
    return _set(session, endpoint_id, EndpointStatus.ENABLED, form.reason)


@console_endpoint.change(
    "/console/webhooks/<uuid:endpoint_id>/disable",
    role=Role.ADMIN,
    summary="Disable an endpoint.",
    form=WithReason,
    done=f"The endpoint is disabled. {_ENDED}",
)
def disable_endpoint(session: Session, endpoint_id: UUID, form: WithReason) -> Response:
    """Lead back to the endpoint."""
    return _set(session, endpoint_id, EndpointStatus.DISABLED, form.reason)


@console_endpoint.change(
    "/console/webhooks/<uuid:endpoint_id>/rotate-secret",
    role=Role.ADMIN,
    summary="Give an endpoint a new secret.",
    form=WithReason,
)
def rotate_secret(session: Session, endpoint_id: UUID, form: WithReason) -> Response:
    """Answer with the secret."""
    return _shown(
        current_gateway().webhooks.endpoints.rotate_secret(caller_of(session), endpoint_id, reason=form.reason)
    )


@console_endpoint.change(
    "/console/webhooks/<uuid:endpoint_id>/test",
    role=Role.OPERATOR,
    summary="Send a test event to an endpoint.",
    form=WithReason,
    done="The test event is on its way. Without script, reload this page to see the answer.",
)
def test_endpoint(session: Session, endpoint_id: UUID, form: WithReason) -> Response:
    """Lead to the delivery of the event."""
    delivery_id = current_gateway().webhooks.endpoints.test(caller_of(session), endpoint_id, reason=form.reason)
    page = url_after("console_deliveries.show_delivery", endpoint_id=endpoint_id, delivery_id=delivery_id)
    return lead_to(page)


@console_endpoint.change(
    "/console/webhooks/<uuid:endpoint_id>/delete",
    role=Role.ADMIN,
    summary="Delete an endpoint.",
    form=WithReason,
    done="The endpoint was deleted.",
)
def delete_endpoint(session: Session, endpoint_id: UUID, form: WithReason) -> Response:
    """Lead to its application."""
    endpoints, caller = current_gateway().webhooks.endpoints, caller_of(session)
    app = endpoints.find(caller, endpoint_id).app
    endpoints.delete(caller, endpoint_id, reason=form.reason)
    return lead_to(url_after("console_app.show_app", app=app))


def _set(session: Session, endpoint_id: UUID, status: EndpointStatus, reason: str) -> Response:
    change = EndpointChange(status=status)
    current_gateway().webhooks.endpoints.change(caller_of(session), endpoint_id, change, reason=reason)
    return _back(endpoint_id)


def _back(endpoint_id: UUID) -> Response:
    return lead_to(url_after("console_endpoint.show_endpoint", endpoint_id=endpoint_id))


def _shown(signed: WithSecret) -> Response:
    return render(
        "apps/secret.html",
        title="Secret of the endpoint",
        secret=signed.secret,
        says="The receiver verifies with it that an event is ours. A secret that it replaces works for one more day.",
        sent_as="",
        back=url_for("console_endpoint.show_endpoint", endpoint_id=signed.endpoint.id),
        back_to="the endpoint",
    )
