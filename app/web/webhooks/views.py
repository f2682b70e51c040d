"""The JSON objects of webhooks in responses: Resend's field names, and our own beside them."""

from typing import Any, Literal, Self
from uuid import UUID

from app.domain.webhooks.retries import DeliveryState
from app.services.webhooks.deliveries import Attempt, Delivery, DeliveryWithAttempts
from app.services.webhooks.endpoints import Endpoint, EndpointStatus, WithSecret
from app.web.http.responses import Moment, View


class EndpointSecret(View):
    """An endpoint, and the secret that signs for it."""

    object: Literal["webhook"]
    id: UUID
    signing_secret: str

    @classmethod
    def of(cls, signed: WithSecret) -> Self:
        """Make it from an endpoint that was added, or that got a new secret."""
        return cls(object="webhook", id=signed.endpoint.id, signing_secret=signed.secret)


class TouchedEndpoint(View):
    """The endpoint that was changed."""

    object: Literal["webhook"]
    id: UUID


class DeletedEndpoint(TouchedEndpoint):
    """The endpoint that was deleted."""

    deleted: Literal[True]


class EndpointView(View):
    """An endpoint. While it is failing, `failing_since` is its first failed call since it last took an event."""

    object: Literal["webhook"]
    id: UUID
    app: str
    created_at: Moment
    status: EndpointStatus
    endpoint: str
    events: list[str]
    description: str | None
    failing_since: Moment | None
    disabled_at: Moment | None
    disabled_why: str | None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Make it from an endpoint."""
        shared = ("id", "app", "created_at", "description", "failing_since", "disabled_at", "disabled_why")
        return cls(
            object="webhook",
            status=EndpointStatus.ENABLED if endpoint.disabled_at is None else EndpointStatus.DISABLED,
            endpoint=endpoint.url,
            events=list(endpoint.events),
            **{name: getattr(endpoint, name) for name in shared},
        )


class WholeEndpoint(EndpointView):
    """An endpoint with its secret."""

    signing_secret: str | None = None

    @classmethod
    def of_signed(cls, signed: WithSecret) -> Self:
        """Make it from an endpoint and its secret."""
        shown = EndpointView.of(signed.endpoint)
        return cls(**{name: getattr(shown, name) for name in EndpointView.model_fields}, signing_secret=signed.secret)


class DeliveryView(View):
    """One event for one endpoint. `message_id` is the `webhook-id` that the receiver gets, the same in every try."""

    object: Literal["webhook_delivery"]
    id: UUID
    message_id: UUID
    type: str
    email_id: UUID | None
    recipient_id: UUID | None
    state: DeliveryState
    attempts: int
    due_at: Moment
    created_at: Moment
    ended_at: Moment | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Make it from a delivery."""
        return cls(object="webhook_delivery", **_members(delivery))


class AttemptView(View):
    """One call: what became of it, the status of the answer, and its beginning without addresses."""

    number: int
    at: Moment
    outcome: str
    status: int | None
    detail: str
    response: str
    milliseconds: int

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Make it from a call."""
        return cls(**{name: getattr(attempt, name) for name in cls.model_fields})


class WholeDelivery(DeliveryView):
    """A delivery with its calls, oldest first."""

    calls: list[AttemptView]

    @classmethod
    def of_found(cls, found: DeliveryWithAttempts) -> Self:
        """Make it from a delivery and its calls."""
        calls = [AttemptView.of(one) for one in found.attempts]
        return cls(object="webhook_delivery", **_members(found.delivery), calls=calls)


class Replayed(View):
    """How many deliveries are sent once more."""

    object: Literal["webhook_replay"]
    deliveries: int


class TestSent(View):
    """The delivery of a test event."""

    object: Literal["webhook_delivery"]
    id: UUID


def _members(delivery: Delivery) -> dict[str, Any]:
    shown = set(DeliveryView.model_fields) - {"object"}
    return {name: getattr(delivery, name) for name in Delivery.__dataclass_fields__ if name in shown}
