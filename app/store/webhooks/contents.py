"""What payloads are made of, read when they are delivered: messages with their emails, recipients and entries.

What was erased meanwhile is None, and a forgotten person stands there under a pseudonym. It only reads.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select

from app.domain.feedback.events import Bounce, EventType
from app.domain.webhooks.events import WebhookEvent
from app.store.engine.bulk_statements import Among
from app.store.feedback.events import said
from app.store.suppression.suppressions import Suppression, read
from app.store.tables.core import emails, events, recipients, suppressions, webhook_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The email and the recipient that a message is about, as they are now."""

    created_at: datetime
    sender: str
    sender_name: str | None
    subject: str | None
    tags: Mapping[str, Any]
    lane: str
    stream: str
    actor: str | None
    reference: str | None
    address: str
    reason: str | None
    ses_message_id: str | None
    clicked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One message of the outbox, and what it is about."""

    id: UUID
    app_id: UUID
    type: WebhookEvent
    email_id: UUID | None
    recipient_id: UUID | None
    suppression_id: UUID | None
    sequence: int
    facts: Mapping[str, Any]
    occurred_at: datetime
    about: About | None
    bounce: Bounce | None = None


_MESSAGE = tuple(name for name in Content.__dataclass_fields__ if name not in {"about", "bounce"})
_OF_EMAIL = ("created_at", "sender", "sender_name", "subject", "tags", "lane", "stream", "actor", "reference")
_OF_RECIPIENT = ("address", "reason", "ses_message_id", "clicked_at")
_CONTENTS = Among(
    select(
        *(webhook_messages.c[name] for name in _MESSAGE),
        *(emails.c[name] for name in _OF_EMAIL),
        *(recipients.c[name] for name in _OF_RECIPIENT),
    )
    .outerjoin(recipients, recipients.c.id == webhook_messages.c.recipient_id)
    .outerjoin(emails, emails.c.id == webhook_messages.c.email_id),
    webhook_messages.c.id,
)
_BOUNCES = Among(
    select(events.c.recipient_id, events.c.data)
    .where(events.c.type == EventType.BOUNCE.value)
    .order_by(events.c.occurred_at, events.c.id),
    events.c.recipient_id,
)
_ENTRIES = Among(select(suppressions), suppressions.c.id)


def of_messages(connection: Connection, message_ids: Collection[UUID]) -> dict[UUID, Content]:
    """These messages, by id."""
    rows = list(_CONTENTS(connection, list(message_ids)).mappings())
    bounced = {row["recipient_id"] for row in rows if row["type"] == WebhookEvent.EMAIL_BOUNCED}
    bounces = _last_bounces(connection, bounced - {None})
    return {row["id"]: _read(row, bounces) for row in rows}


def entries(connection: Connection, suppression_ids: Collection[UUID]) -> tuple[Suppression, ...]:
    """These entries of the suppression list, live or not."""
    return tuple(map(read, _ENTRIES(connection, list(suppression_ids)))) if suppression_ids else ()


def _last_bounces(connection: Connection, recipient_ids: Iterable[UUID]) -> dict[UUID, Bounce | None]:
    wanted = list(recipient_ids)
    rows = _BOUNCES(connection, wanted).all() if wanted else ()
    return {row.recipient_id: said(row.data)[0] for row in rows}


def _read(row: RowMapping, bounces: Mapping[UUID, Bounce | None]) -> Content:
    """A row of `_CONTENTS`. `created_at` is the email's, and None if there is no email."""
    is_bounce = row["type"] == WebhookEvent.EMAIL_BOUNCED
    about = None
    if row["sender"] is not None and row["address"] is not None:
        about = About(**{name: row[name] for name in (*_OF_EMAIL, *_OF_RECIPIENT)})
    own = {name: row[name] for name in _MESSAGE} | {"type": WebhookEvent(row["type"])}
    return Content(**own, about=about, bounce=bounces.get(row["recipient_id"]) if is_bounce else None)
