"""SES's events about one call, for tests that have the envelope of the call: with any message id, at any time."""

import json
from datetime import UTC, datetime
from typing import Any

from app.domain.sending.call_outcome import Envelope
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event, bounced, complained, delivered, event, put


def about(envelope: Envelope, kind: str, ses_message_id: str, *, sent_at: datetime | None = None) -> Event:
    """Return the `Send`, `Delivery`, `Bounce` or `Complaint` of this call, which began at `sent_at`, by default now."""
    left = sent_at or datetime.now(UTC)
    common: dict[str, Any] = {
        "message": ses_message_id,
        "at": left,
        "sent_at": left,
        "tags": dict(envelope.tags),
    }
    match kind:
        case "Delivery":
            return delivered(envelope.recipient, **common)
        case "Bounce":
            return bounced(envelope.recipient, **common)
        case "Complaint":
            return complained(envelope.recipient, **common)
    return event(kind, {}, to=[envelope.recipient], **common)


def bring(gateway: Gateway, *events: Event) -> None:
    """Store these events as notifications from SNS, and process all that are due."""
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()
