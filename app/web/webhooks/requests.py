"""What a request about webhooks may ask: its bodies and query strings, field by field."""

from typing import Annotated

from pydantic import Field

from app.domain.webhooks.retries import DeliveryState
from app.services.webhooks.endpoints import EndpointChange, EndpointStatus, NewEndpoint
from app.web.http.fields import NOT_EMPTY, SinceField, UntilField
from app.web.http.known import Known, PageQuery

_MOST_EVENTS = 100

Events = Annotated[tuple[str, ...], Field(max_length=_MOST_EVENTS), NOT_EMPTY]


class EndpointBody(Known):
    """An endpoint to add: its URL, and the events that it gets."""

    endpoint: str
    events: Events
    description: str | None = None

    def new(self) -> NewEndpoint:
        """The endpoint as the service takes it."""
        return NewEndpoint(url=self.endpoint, events=self.events, description=self.description)


class EndpointChangeBody(Known):
    """What to change of an endpoint. Resend's clients also send its id."""

    webhook_id: str | None = None
    endpoint: str | None = None
    events: Events | None = None
    description: str | None = None
    status: EndpointStatus | None = None

    def change(self) -> EndpointChange:
        """The change as the service takes it."""
        return EndpointChange(url=self.endpoint, events=self.events, description=self.description, status=self.status)


class ReplayBody(Known):
    """The period whose deliveries are replayed, by when they were queued."""

    since: SinceField
    until: UntilField


class DeliveriesQuery(PageQuery):
    """Which deliveries of an endpoint, newest first."""

    state: DeliveryState | None = None
