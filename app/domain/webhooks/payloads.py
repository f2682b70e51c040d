"""The JSON of an event: `type`, `created_at` and `data`, with the fields of Resend where it has the event.

https://resend.com/docs/webhooks/event-types and the pages of each event. What is ours stands beside them: `recipient`,
`recipient_id`, `sequence`, `cause`, `reason`, `mode`, `stream`, `actor` and `reference`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.feedback.events import Bounce
from app.domain.sending.trying import Mode
from app.domain.webhooks.events import WebhookEvent

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailFacts:
    """What a payload shows of an email and one recipient. `cause` and `bounce` are the event's, if it has any."""

    email_id: UUID
    created_at: datetime
    sender: str
    sender_name: str | None
    subject: str | None
    tags: Mapping[str, Any]
    lane: str
    stream: str
    actor: str | None
    reference: str | None
    recipient_id: UUID
    address: str
    reason: str | None
    message_id: str | None
    clicked_at: datetime | None
    sequence: int
    cause: str | None
    bounce: Bounce | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """What a payload shows of an entry of the suppression list, as far as its application may see it."""

    id: UUID
    address: str
    origin: str
    source_id: str | None
    scope: str
    reason: str
    created_at: datetime
    expires_at: datetime | None


def payload(event: WebhookEvent, occurred_at: datetime, data: Mapping[str, Any]) -> Json:
    """The whole payload."""
    return {"type": event.value, "created_at": _instant(occurred_at), "data": dict(data)}


def of_email(event: WebhookEvent, facts: EmailFacts) -> Json:
    """The data of an event of one recipient. `to` has this recipient alone, so that no Bcc is shown to another."""
    sender = f"{facts.sender_name} <{facts.sender}>" if facts.sender_name else facts.sender
    return {
        "email_id": str(facts.email_id),
        "created_at": _instant(facts.created_at),
        "from": sender,
        "to": [facts.address],
        "subject": facts.subject or "",
        "message_id": facts.message_id,
        "tags": dict(facts.tags),
        "recipient": facts.address,
        "recipient_id": str(facts.recipient_id),
        "sequence": facts.sequence,
        "cause": facts.cause,
        "reason": facts.reason,
        "mode": Mode.of(facts.lane),
        "stream": facts.stream,
        "actor": facts.actor,
        "reference": facts.reference,
        **_own(event, facts),
    }


def of_entry(facts: EntryFacts) -> Json:
    """The data of an event of the suppression list."""
    return {
        "id": str(facts.id),
        "email": facts.address,
        "origin": facts.origin,
        "source_id": facts.source_id,
        "created_at": _instant(facts.created_at),
        "scope": facts.scope,
        "reason": facts.reason,
        "expires_at": _instant(facts.expires_at) if facts.expires_at else None,
    }


def _own(event: WebhookEvent, facts: EmailFacts) -> Json:
    """The object that this event has in Resend's API, under its name there."""
    reason = facts.reason or ""
    match event:
        case WebhookEvent.EMAIL_BOUNCED:
            return {"bounce": _bounce(facts.bounce, reason)}
        case WebhookEvent.EMAIL_FAILED:
            return {"failed": {"reason": reason}}
        case WebhookEvent.EMAIL_SUPPRESSED:
            return {"suppressed": {"message": reason, "type": "suppressed"}}
        case WebhookEvent.EMAIL_CLICKED if facts.clicked_at is not None:
            return {"click": {"timestamp": _instant(facts.clicked_at)}}
        case _:
            return {}


def _bounce(bounce: Bounce | None, reason: str) -> Json:
    if bounce is None:
        return {"message": reason, "type": "Undetermined", "subType": "Undetermined", "diagnosticCode": []}
    diagnostic = [bounce.diagnostic] if bounce.diagnostic else []
    return {
        "message": bounce.diagnostic or reason,
        "type": bounce.type.value.capitalize(),
        "subType": bounce.subtype,
        "diagnosticCode": diagnostic,
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
