"""The tables of webhooks. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, Uuid, text

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import Structured, metadata

_ENABLED = text("disabled_at is null and deleted_at is null")
_WAITING = text("state = 'waiting'")
_FAILED = text("state = 'failed'")

# One endpoint of an application. It is claimed as a whole: `lease_token` is the claim that may call it now. `due_at` is
# when it may be called next; while it fails, that moves on with `failures`, the failed calls since the last success.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Structured, nullable=False),
    Column("description", Text),
    Column("format", String(8), nullable=False, server_default=text("'standard'")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", UtcDateTime),
    Column("due_at", UtcDateTime, nullable=False),
    Column("lease_token", Uuid),
    Column("lease_until", UtcDateTime),
    Column("disabled_at", UtcDateTime),
    Column("disabled_why", Text),
    Column("deleted_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_webhook_endpoints_app_id_id", "app_id", "id"),
    Index("ix_webhook_endpoints_due_at", "due_at", postgresql_where=_ENABLED, sqlite_where=_ENABLED),
)

# The secrets that sign for an endpoint, sealed as bodies are. The newest has no end; one that was rotated out signs
# beside it until `ends_at`.
webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id"), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
)

# The outbox: one event that some endpoint subscribes to, written in the transaction of what it reports. It holds ids
# and words of ours, no address: the payload is made when it is delivered. The ids are no foreign keys, since emails and
# entries are erased without looking here. `sequence` counts the events of one recipient.
webhook_messages = Table(
    "webhook_messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False),
    Column("type", String(32), nullable=False),
    Column("email_id", Uuid),
    Column("recipient_id", Uuid),
    Column("suppression_id", Uuid),
    Column("sequence", Integer, nullable=False),
    Column("facts", Structured, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Index(
        "ix_webhook_messages_recipient_id_sequence",
        "recipient_id",
        "sequence",
        postgresql_where=text("recipient_id is not null"),
        sqlite_where=text("recipient_id is not null"),
    ),
)

# One message for one endpoint. Events about one thing, a recipient or an entry of the list, keep their order.
# `attempts` counts all calls, `tries` the failed ones since it was last queued or replayed.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("message_id", Uuid, ForeignKey("webhook_messages.id"), nullable=False, index=True),
    Column("about_id", Uuid, nullable=False),
    Column("state", String(9), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", "id", postgresql_where=_WAITING, sqlite_where=_WAITING),
    Index(
        "ix_webhook_deliveries_about",
        "about_id",
        "endpoint_id",
        postgresql_where=_WAITING,
        sqlite_where=_WAITING,
    ),
    Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_webhook_deliveries_endpoint_id_state_id", "endpoint_id", "state", "id"),
    Index("ix_webhook_deliveries_failed", "id", "endpoint_id", postgresql_where=_FAILED, sqlite_where=_FAILED),
)

# One call of an endpoint for one delivery, with the beginning of its answer, without addresses.
webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, ForeignKey("webhook_deliveries.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer),
    Column("detail", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
