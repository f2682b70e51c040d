"""The types of events that an application can subscribe to, and which of them follow from a move of a recipient.

The names of `email.*` and `suppression.*` are Resend's (https://resend.com/docs/webhooks/event-types) wherever Resend
has the event; the others are ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Change


class WebhookEvent(StrEnum):
    """The type of an event, as endpoints subscribe to it."""

    EMAIL_SCHEDULED = "email.scheduled"
    EMAIL_SENT = "email.sent"
    EMAIL_DELIVERED = "email.delivered"
    EMAIL_DELIVERY_DELAYED = "email.delivery_delayed"
    EMAIL_BOUNCED = "email.bounced"
    EMAIL_COMPLAINED = "email.complained"
    EMAIL_OPENED = "email.opened"
    EMAIL_CLICKED = "email.clicked"
    EMAIL_FAILED = "email.failed"
    EMAIL_SUPPRESSED = "email.suppressed"
    EMAIL_UNCONFIRMED = "email.unconfirmed"
    EMAIL_HELD = "email.held"
    EMAIL_EXPIRED = "email.expired"
    EMAIL_CANCELED = "email.canceled"

    SUPPRESSION_ADDED = "suppression.added"
    SUPPRESSION_REMOVED = "suppression.removed"
    SUPPRESSION_EXPIRED = "suppression.expired"
    SUPPRESSION_REVIEW = "suppression.review"

    APP_WARNED = "app.warned"
    APP_PAUSED = "app.paused"
    APP_RESUMED = "app.resumed"

    INCIDENT_OPENED = "incident.opened"
    INCIDENT_CLOSED = "incident.closed"
    CIRCUIT_OPENED = "circuit.opened"
    CIRCUIT_CLOSED = "circuit.closed"

    WEBHOOK_TEST = "webhook.test"


OF_OPERATOR: Final = (
    WebhookEvent.INCIDENT_OPENED,
    WebhookEvent.INCIDENT_CLOSED,
    WebhookEvent.CIRCUIT_OPENED,
    WebhookEvent.CIRCUIT_CLOSED,
)
"""They concern all applications, so only the channels of an operator get them."""

SUBSCRIBABLE: Final = tuple(one for one in WebhookEvent if one not in {*OF_OPERATOR, WebhookEvent.WEBHOOK_TEST})
"""A test event goes to the endpoint that was asked for, whatever it subscribes to."""

OF_CHANGE: Final = {
    Change.ADDED: WebhookEvent.SUPPRESSION_ADDED,
    Change.RESTORED: WebhookEvent.SUPPRESSION_ADDED,
    Change.REMOVED: WebhookEvent.SUPPRESSION_REMOVED,
    Change.EXPIRED: WebhookEvent.SUPPRESSION_EXPIRED,
    Change.REVIEW: WebhookEvent.SUPPRESSION_REVIEW,
}
"""The event of a change of an entry of the suppression list."""

_OF_STATE: Final = {
    State.SCHEDULED: WebhookEvent.EMAIL_SCHEDULED,
    State.DELIVERED: WebhookEvent.EMAIL_DELIVERED,
    State.DELIVERY_DELAYED: WebhookEvent.EMAIL_DELIVERY_DELAYED,
    State.BOUNCED: WebhookEvent.EMAIL_BOUNCED,
    State.COMPLAINED: WebhookEvent.EMAIL_COMPLAINED,
    State.FAILED: WebhookEvent.EMAIL_FAILED,
    State.SUPPRESSED: WebhookEvent.EMAIL_SUPPRESSED,
    State.UNCONFIRMED: WebhookEvent.EMAIL_UNCONFIRMED,
    State.HELD: WebhookEvent.EMAIL_HELD,
    State.EXPIRED: WebhookEvent.EMAIL_EXPIRED,
    State.CANCELED: WebhookEvent.EMAIL_CANCELED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What of a recipient its events follow from. `taken`: SES has given it a message id."""

    state: State
    taken: bool = False
    opened: bool = False
    clicked: bool = False


def events_of(before: Standing | None, after: Standing) -> Iterator[WebhookEvent]:
    """The events of one move, in the order in which they happened; `before` is None for a new recipient.

    An email is `sent` once SES has it, in whatever state that is learned: the answer of SES may come after its events.
    Of several opens and clicks, the first is an event.
    """
    if after.taken and not (before and before.taken):
        yield WebhookEvent.EMAIL_SENT
    if after.state in _OF_STATE and not (before and before.state is after.state):
        yield _OF_STATE[after.state]
    if after.opened and not (before and before.opened):
        yield WebhookEvent.EMAIL_OPENED
    if after.clicked and not (before and before.clicked):
        yield WebhookEvent.EMAIL_CLICKED
