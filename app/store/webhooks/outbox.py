"""The outbox: events for the endpoints that subscribe to them, written in the transaction of what they report.

It holds ids and words of ours, and no address. It never commits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, func, literal, select

from app.domain.webhooks.events import WebhookEvent
from app.domain.webhooks.retries import DeliveryState
from app.store.engine.bulk_statements import Among, Insert
from app.store.engine.database import now
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of, new_id, time_between
from app.store.tables.core import apps, webhook_attempts, webhook_deliveries, webhook_endpoints, webhook_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One event of one application. `facts` are words of ours that the payload shows, such as a cause: no address."""

    app_id: UUID
    type: WebhookEvent
    email_id: UUID | None = None
    recipient_id: UUID | None = None
    suppression_id: UUID | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about_id(self) -> UUID:
        """What the event is about: events about one thing keep their order."""
        return self.recipient_id or self.suppression_id or self.app_id


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint that is enabled, the application that it belongs to, and the events that it wants."""

    endpoint_id: UUID
    app_id: UUID
    app: str
    events: frozenset[str]


_ENABLED = (webhook_endpoints.c.disabled_at.is_(None), webhook_endpoints.c.deleted_at.is_(None))
_SUBSCRIPTIONS = (
    select(webhook_endpoints.c.id, webhook_endpoints.c.app_id, apps.c.name, webhook_endpoints.c.events)
    .join(apps, apps.c.id == webhook_endpoints.c.app_id)
    .where(*_ENABLED)
)
_OF_APPS = Among(_SUBSCRIPTIONS, webhook_endpoints.c.app_id)
_LAST_OF_RECIPIENTS = Among(
    select(webhook_messages.c.recipient_id, func.max(webhook_messages.c.sequence)).group_by(
        webhook_messages.c.recipient_id
    ),
    webhook_messages.c.recipient_id,
)
_MESSAGE = ("id", "app_id", "type", "email_id", "recipient_id", "suppression_id", "sequence", "facts")
_ADD_MESSAGES = Insert(webhook_messages, _MESSAGE, stamps=lambda _: {"occurred_at": now()})
_ADD_DELIVERIES = Insert(
    webhook_deliveries,
    ("id", "endpoint_id", "message_id", "about_id"),
    stamps=lambda _: {"state": literal(DeliveryState.WAITING.value), "due_at": now(), "created_at": now()},
)


def subscriptions(connection: Connection, app_ids: Collection[UUID] | None = None) -> tuple[Subscription, ...]:
    """The endpoints that are enabled, of these applications or of all."""
    rows = connection.execute(_SUBSCRIPTIONS) if app_ids is None else _OF_APPS(connection, list(app_ids))
    return tuple(Subscription(row.id, row.app_id, row.name, frozenset(row.events)) for row in rows)


def are_subscribed(connection: Connection, events: Collection[WebhookEvent]) -> bool:
    """Whether any enabled endpoint subscribes to one of these events."""
    wanted = {one.value for one in events}
    return any(wanted & one.events for one in subscriptions(connection))


def add(connection: Connection, occurrences: Sequence[Occurrence], to: Sequence[Subscription]) -> None:
    """Write the occurrences that one of these endpoints subscribes to, with a delivery for each such endpoint.

    The caller has locked the recipients, so that the events of each are counted one after another.
    """
    wanted = [(one, [each.endpoint_id for each in to if _wants(each, one)]) for one in occurrences]
    subscribed = [(one, endpoints) for one, endpoints in wanted if endpoints]
    if not subscribed:
        return
    known = {one.recipient_id for one, _ in subscribed if one.recipient_id is not None}
    last = _LAST_OF_RECIPIENTS.pairs(connection, known)
    messages, deliveries = [], []
    for one, endpoints in subscribed:
        message_id = new_id()
        values = {name: getattr(one, name) for name in ("email_id", "recipient_id", "suppression_id")}
        if one.recipient_id is not None:
            last[one.recipient_id] = 1 + last.get(one.recipient_id, _events_before(one.recipient_id, message_id))
        own = {"id": message_id, "app_id": one.app_id, "type": one.type.value}
        own["sequence"] = last.get(one.recipient_id, 0)
        messages.append({**own, **values, "facts": dict(one.facts)})
        deliveries += [
            {"id": new_id(), "endpoint_id": endpoint, "message_id": message_id, "about_id": one.about_id}
            for endpoint in endpoints
        ]
    _ADD_MESSAGES(connection, messages)
    _ADD_DELIVERIES(connection, deliveries)


def add_for(connection: Connection, occurrence: Occurrence, endpoint_id: UUID) -> UUID:
    """Write one occurrence for one endpoint, whatever it subscribes to; return the delivery."""
    message_id, delivery_id = new_id(), new_id()
    values = {name: getattr(occurrence, name) for name in ("app_id", "email_id", "recipient_id", "suppression_id")}
    own = {"id": message_id, "type": occurrence.type.value, "sequence": 0, "facts": dict(occurrence.facts)}
    _ADD_MESSAGES(connection, [own | values])
    delivery = {"id": delivery_id, "endpoint_id": endpoint_id, "message_id": message_id}
    _ADD_DELIVERIES(connection, [delivery | {"about_id": occurrence.about_id}])
    return delivery_id


def erase(connection: Connection, *, occurred_before: datetime, limit: int) -> int:
    """Delete up to `limit` messages of that age, the oldest first, with their deliveries and calls. How many."""
    # An id contains its time, so the oldest are at the beginning of the primary key.
    early = webhook_messages.c.id < first_id_of(occurred_before + CLOCKS_DIFFER_BY)
    old = select(webhook_messages.c.id).where(early, webhook_messages.c.occurred_at < occurred_before)
    found = list(connection.scalars(old.order_by(webhook_messages.c.id).limit(limit)))
    if not found:
        return 0
    of_these = webhook_deliveries.c.message_id.in_(found)
    calls = webhook_attempts.c.delivery_id.in_(select(webhook_deliveries.c.id).where(of_these))
    connection.execute(delete(webhook_attempts).where(calls))
    connection.execute(delete(webhook_deliveries).where(of_these))
    connection.execute(delete(webhook_messages).where(webhook_messages.c.id.in_(found)))
    return len(found)


def _events_before(recipient_id: UUID, message_id: UUID) -> int:
    """How many events of a recipient count as past, of which none is stored: one for each hour since it was added.

    Messages are erased after 16 days or more. No recipient has as many events as those days have hours, so the number
    is higher than any that was erased.
    """
    return max(time_between(recipient_id, message_id) // timedelta(hours=1), 0)


def _wants(one: Subscription, occurrence: Occurrence) -> bool:
    return one.app_id == occurrence.app_id and occurrence.type.value in one.events
