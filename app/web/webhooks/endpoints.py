"""`/v1/webhooks`: the endpoints that get the events of an application, in the shape of Resend's API.

https://resend.com/docs/api-reference/webhooks/create-webhook and the pages beside it.
"""

from uuid import UUID

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.web.http.context import current_gateway
from app.web.http.known import PageQuery
from app.web.http.responses import Listed
from app.web.http.routing import Operation, Routes
from app.web.webhooks.requests import EndpointBody, EndpointChangeBody
from app.web.webhooks.views import (
    DeletedEndpoint,
    EndpointSecret,
    EndpointView,
    TestSent,
    TouchedEndpoint,
    WholeEndpoint,
)

webhooks = Routes("webhooks", __name__, url_prefix="/v1/webhooks")


@webhooks.operation(
    "POST",
    "",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="Add an endpoint that gets events, with a new signing secret.",
        body=EndpointBody,
        gives=EndpointSecret,
    ),
)
def add_webhook(caller: Caller, body: EndpointBody) -> Response:
    """Answer with the id of the endpoint and its secret."""
    return EndpointSecret.of(current_gateway().webhooks.endpoints.add(caller, body.new())).answer()


@webhooks.operation(
    "GET",
    "",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="List the endpoints, newest first.",
        query=PageQuery,
        gives=Listed[EndpointView],
    ),
)
def list_webhooks(caller: Caller, query: PageQuery) -> Response:
    """Answer with one page of endpoints."""
    found = current_gateway().webhooks.endpoints.page(caller, query.page())
    return Listed[EndpointView](
        object="list", data=[EndpointView.of(one) for one in found.data], has_more=found.has_more
    ).answer()


@webhooks.operation(
    "GET",
    "/<uuid:webhook_id>",
    Operation(guard=Scope.WEBHOOKS_WRITE, summary="Get an endpoint and its signing secret.", gives=WholeEndpoint),
)
def get_webhook(caller: Caller, webhook_id: UUID) -> Response:
    """Answer with the endpoint."""
    return WholeEndpoint.of_signed(current_gateway().webhooks.endpoints.get(caller, webhook_id)).answer()


@webhooks.operation(
    "PATCH",
    "/<uuid:webhook_id>",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="Change an endpoint: its URL, its events, its description, or whether it is enabled.",
        body=EndpointChangeBody,
        gives=TouchedEndpoint,
    ),
)
def change_webhook(caller: Caller, webhook_id: UUID, body: EndpointChangeBody) -> Response:
    """Answer with the id of the endpoint."""
    changed = current_gateway().webhooks.endpoints.change(caller, webhook_id, body.change())
    return TouchedEndpoint(object="webhook", id=changed.id).answer()


@webhooks.operation(
    "DELETE",
    "/<uuid:webhook_id>",
    Operation(guard=Scope.WEBHOOKS_WRITE, summary="Delete an endpoint and its secrets.", gives=DeletedEndpoint),
)
def delete_webhook(caller: Caller, webhook_id: UUID) -> Response:
    """Answer with the id of the endpoint."""
    current_gateway().webhooks.endpoints.delete(caller, webhook_id)
    return DeletedEndpoint(object="webhook", id=webhook_id, deleted=True).answer()


@webhooks.operation(
    "POST",
    "/<uuid:webhook_id>/rotate-secret",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="Give an endpoint a new signing secret. The one before it signs beside it for a day.",
        gives=EndpointSecret,
    ),
)
def rotate_webhook_secret(caller: Caller, webhook_id: UUID) -> Response:
    """Answer with the new secret."""
    return EndpointSecret.of(current_gateway().webhooks.endpoints.rotate_secret(caller, webhook_id)).answer()


@webhooks.operation(
    "POST",
    "/<uuid:webhook_id>/test",
    Operation(guard=Scope.WEBHOOKS_WRITE, summary="Send a test event to an endpoint.", gives=TestSent),
)
def test_webhook(caller: Caller, webhook_id: UUID) -> Response:
    """Answer with the delivery of the event."""
    delivery_id = current_gateway().webhooks.endpoints.test(caller, webhook_id)
    return TestSent(object="webhook_delivery", id=delivery_id).answer()
