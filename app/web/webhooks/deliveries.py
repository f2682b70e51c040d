"""`/v1/webhooks/{id}/deliveries`: what became of each event for an endpoint, and replays."""

from uuid import UUID

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.web.http.context import current_gateway
from app.web.http.responses import Listed
from app.web.http.routing import Operation, Routes
from app.web.webhooks.requests import DeliveriesQuery, ReplayBody
from app.web.webhooks.views import DeliveryView, Replayed, WholeDelivery

webhook_deliveries = Routes("webhook_deliveries", __name__, url_prefix="/v1/webhooks/<uuid:webhook_id>")


@webhook_deliveries.operation(
    "GET",
    "/deliveries",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="List the deliveries of an endpoint, newest first.",
        query=DeliveriesQuery,
        gives=Listed[DeliveryView],
    ),
)
def list_deliveries(caller: Caller, webhook_id: UUID, query: DeliveriesQuery) -> Response:
    """Answer with one page of deliveries."""
    found = current_gateway().webhooks.deliveries.page(caller, webhook_id, query.page(), state=query.state)
    return Listed[DeliveryView](
        object="list", data=[DeliveryView.of(one) for one in found.data], has_more=found.has_more
    ).answer()


@webhook_deliveries.operation(
    "GET",
    "/deliveries/<uuid:delivery_id>",
    Operation(guard=Scope.WEBHOOKS_WRITE, summary="Get a delivery and each call for it.", gives=WholeDelivery),
)
def get_delivery(caller: Caller, webhook_id: UUID, delivery_id: UUID) -> Response:
    """Answer with the delivery."""
    return WholeDelivery.of_found(current_gateway().webhooks.deliveries.get(caller, webhook_id, delivery_id)).answer()


@webhook_deliveries.operation(
    "POST",
    "/deliveries/<uuid:delivery_id>/replay",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="Deliver an event once more, under the same id.",
        gives=DeliveryView,
    ),
)
def replay_delivery(caller: Caller, webhook_id: UUID, delivery_id: UUID) -> Response:
    """Answer with the delivery, which waits again."""
    return DeliveryView.of(current_gateway().webhooks.deliveries.replay(caller, webhook_id, delivery_id)).answer()


@webhook_deliveries.operation(
    "POST",
    "/replay",
    Operation(
        guard=Scope.WEBHOOKS_WRITE,
        summary="Deliver all events of a period once more, each under its own id.",
        body=ReplayBody,
        gives=Replayed,
    ),
)
def replay_deliveries(caller: Caller, webhook_id: UUID, body: ReplayBody) -> Response:
    """Answer with the number of deliveries that wait again."""
    replayed = current_gateway().webhooks.deliveries.replay_period(
        caller, webhook_id, since=body.since, until=body.until
    )
    return Replayed(object="webhook_replay", deliveries=replayed).answer()
