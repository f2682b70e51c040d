"""The tables of notifications and events. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import Structured, metadata

_QUARANTINED = text("state = 'quarantined'")

# The inbox: what SNS delivered, unique by its message id, before anything is concluded from it.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sns_message_id", String(64), nullable=False, unique=True),
    Column("topic_arn", String(400), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("raw", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("note", Text),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("due_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("processed_at", UtcDateTime),
    Index(
        "ix_notifications_due_at",
        "due_at",
        postgresql_where=text("state in ('new', 'parked')"),
        sqlite_where=text("state in ('new', 'parked')"),
    ),
    Index("ix_notifications_quarantined", "received_at", postgresql_where=_QUARANTINED, sqlite_where=_QUARANTINED),
    Index(
        "ix_notifications_processed",
        "received_at",
        postgresql_where=text("state = 'processed'"),
        sqlite_where=text("state = 'processed'"),
    ),
    Index(
        "ix_notifications_parked",
        "note",
        postgresql_where=text("state = 'parked'"),
        sqlite_where=text("state = 'parked'"),
    ),
)

# The timeline: one normalised event per recipient. `dedup` makes a repeated event one row, whichever copy came first.
events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("feedback_id", Uuid, ForeignKey("notifications.id", ondelete="SET NULL"), key="notification_id"),
    Column("recipient_id", Uuid, ForeignKey("recipients.id"), index=True),
    Column("ses_message_id", String(256), nullable=False),
    Column("type", String(20), nullable=False),
    Column("address", String(320)),
    Column("key", String(320)),
    Column("domain", String(255)),
    Column("dedup", String(160), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("mail_sent_at", UtcDateTime),
    Column("counts_against", Boolean, nullable=False, server_default=false()),
    Column("detail", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("data", Structured, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    UniqueConstraint("ses_message_id", "type", "dedup"),
    Index("ix_events_key_type_occurred_at", "key", "type", "occurred_at"),
    Index("ix_events_domain_type_occurred_at", "domain", "type", "occurred_at"),
    Index("ix_events_key_occurred_at_id", "key", "occurred_at", "id"),
    # For the foreign key: without it, deleting a notification would read all events.
    Index(
        "ix_events_feedback_id",
        "notification_id",
        postgresql_where=text("feedback_id is not null"),
        sqlite_where=text("feedback_id is not null"),
    ),
)
