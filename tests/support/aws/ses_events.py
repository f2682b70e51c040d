"""What SES says about one call, for tests that know the envelope of the call: under any message id, at any time."""

import json
from datetime import UTC, datetime
from typing import Any

from app.domain.outcome import Envelope
from app.wiring import Gateway
from tests.feedback import Event, bounced, complained, delivered, event, put


def about(envelope: Envelope, kind: str, ses_message_id: str, *, sent_at: datetime | None = None) -> Event:
    """The `Send`, `Delivery`, `Bounce` or `Complaint` of this call, which began at `sent_at`, by default just now."""
    left = sent_at or datetime.now(UTC)
    told: dict[str, Any] = {
        "message": ses_message_id,
        "at": left,
        "sent_at": left,
        "tags": dict(envelope.tags),
    }
    match kind:
        case "Delivery":
            return delivered(envelope.recipient, **told)
        case "Bounce":
            return bounced(envelope.recipient, **told)
        case "Complaint":
            return complained(envelope.recipient, **told)
    return event(kind, {}, to=[envelope.recipient], **told)


def bring(gateway: Gateway, *events: Event) -> None:
    """Let SNS bring these events, and settle what is due."""
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()
