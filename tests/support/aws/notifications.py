"""Notifications as SES writes them, about mails that need not exist: for tests that tell many, in any order."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.store import inbox
from app.store.db import clock
from app.store.ids import new_id
from app.store.inbox import NewNotification
from app.wiring import Gateway
from tests.gateways import TOPIC

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HARD = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
SOFT = {"action": "failed", "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}

Event = dict[str, Any]


def event(
    kind: str,
    section: Mapping[str, Any],
    *,
    message: str,
    to: Iterable[str],
    at: datetime = EPOCH,
    sent_at: datetime | None = None,
    tags: Mapping[str, str] | None = None,
) -> Event:
    """One event of a configuration set about the mail that SES knows as `message`."""
    key = {"DeliveryDelay": "deliveryDelay"}.get(kind, kind.lower())
    return {
        "eventType": kind,
        key: dict(section) | {"timestamp": at.isoformat()},
        "mail": {
            "timestamp": (sent_at or at).isoformat(),
            "messageId": message,
            "source": "invites@example.com",
            "destination": list(to),
            "tags": {name: [value] for name, value in (tags or {}).items()},
        },
    }


def bounced(address: str, *, message: str, kind: str = "Permanent", subtype: str = "General", **more: Any) -> Event:
    """A bounce of one address; soft when its kind is `Transient`, of another than the mailed one with `to`."""
    fields = more.pop("fields", SOFT if kind == "Transient" else HARD)
    section = {
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [{"emailAddress": address, **fields}],
        "feedbackId": more.pop("feedback_id", f"bounce-{message}"),
    }
    return event("Bounce", section, message=message, to=more.pop("to", [address]), **more)


def complained(address: str | None, *, message: str, **more: Any) -> Event:
    """A complaint of one address, or of nobody by name."""
    section = {
        "complainedRecipients": [{"emailAddress": address}] if address else [],
        "complaintFeedbackType": more.pop("feedback_type", "abuse"),
        "feedbackId": more.pop("feedback_id", f"complaint-{message}"),
    }
    return event("Complaint", section, message=message, to=more.pop("to", [address]), **more)


def delivered(address: str, *, message: str, **more: Any) -> Event:
    """A delivery to one address."""
    return event("Delivery", {"recipients": [address]}, message=message, to=[address], **more)


def put(gateway: Gateway, *notifications: str) -> None:
    """Put raw payloads of verified notifications into the inbox, each under an SNS id of its own."""
    with gateway.database.transaction() as connection:
        inbox.store(connection, [_new(raw, clock(connection)) for raw in notifications])


def _new(raw: str, at: datetime) -> NewNotification:
    return NewNotification(
        id=new_id(), sns_message_id=str(uuid4()), topic_arn=TOPIC, kind="Notification", raw=raw, published_at=at
    )


def fresh_address() -> str:
    """An address that no other test, and no other example of a test, has used."""
    return f"r{new_id().hex}@example.net"
