"""The tables. What each column means is said here once; which values may follow which is said in `app.domain`.

SQLAlchemy Core throughout: rows travel as frozen dataclasses, so nothing outside `app.store` knows that these tables
exist.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from app.store.db import UtcDateTime
from app.store.metadata import Structured, metadata
from app.store.suppression_models import (
    cursors,
    peppers,
    reviews,
    ses_suppressions,
    streams,
    suppression_events,
    suppressions,
)

__all__ = [
    "api_keys",
    "apps",
    "attempts",
    "audit",
    "circuits",
    "cursors",
    "emails",
    "events",
    "feedback",
    "heartbeats",
    "idempotency_keys",
    "incidents",
    "metadata",
    "peppers",
    "recipients",
    "reviews",
    "ses_suppressions",
    "streams",
    "suppression_events",
    "suppressions",
]

_CLAIMABLE = text("state in ('scheduled', 'queued', 'retry_wait')")
_HELD = text("state = 'held'")
_OPEN = text("closed_at is null")
_QUARANTINED = text("state = 'quarantined'")

# An application: who may send, as whom, and in which lane when it does not say.
apps = Table(
    "apps",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("senders", Structured, nullable=False),
    Column("default_lane", String(16), nullable=False),
    Column("reason_optional", Boolean, nullable=False, server_default=false()),
    Column("on_unconfirmed", String(8), nullable=False, server_default=text("'resend'")),
    Column("created_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False, index=True),
    Column("public_id", String(16), nullable=False, unique=True),
    Column("secret_sha256", LargeBinary(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("scopes", Structured, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

# One submission. `sealed_body` holds text, html and attachments under `sealed_key`; without the key they are gone.
emails = Table(
    "emails",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False),
    Column("stream", String(64), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("sender", Text, nullable=False),
    Column("sender_name", Text),
    Column("reply_to", Structured, nullable=False),
    Column("subject", Text),
    Column("headers", Structured, nullable=False),
    Column("tags", Structured, nullable=False),
    Column("sealed_body", LargeBinary),
    Column("sealed_key", LargeBinary),
    Column("on_unconfirmed", String(8), nullable=False, server_default=text("'resend'")),
    Column("scheduled_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_emails_app_id_id", "app_id", "id"),
)

# One row, one call to SES, one fate per address. `scope` is `app/stream`; `lease_token` the claim that holds the row.
# Lane, scope and the From domain are copied from the mail, so that a claim reads one table. `pseudonym` is what stands
# for the address on the list once its person was forgotten.
recipients = Table(
    "recipients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email_id", Uuid, ForeignKey("emails.id"), nullable=False),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("scope", String(128), nullable=False),
    Column("sender_domain", String(255), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(3), nullable=False),
    Column("name", Text),
    Column("address", String(320), nullable=False),
    Column("key", String(320), nullable=False),
    Column("pseudonym", String(23), nullable=False, server_default=text("''")),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("due_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_token", Uuid),
    Column("lease_until", UtcDateTime),
    Column("ses_message_id", String(128), unique=True),
    Column("possible_duplicate", Boolean, nullable=False, server_default=false()),
    Column("unconfirmed_since", UtcDateTime),
    Column("opened_at", UtcDateTime),
    Column("clicked_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_recipients_due", "lane", "app_id", "due_at", postgresql_where=_CLAIMABLE, sqlite_where=_CLAIMABLE),
    Index(
        "ix_recipients_lease_until",
        "lease_until",
        postgresql_where=text("state = 'sending'"),
        sqlite_where=text("state = 'sending'"),
    ),
    Index(
        "ix_recipients_unconfirmed_since",
        "unconfirmed_since",
        postgresql_where=text("state = 'unconfirmed'"),
        sqlite_where=text("state = 'unconfirmed'"),
    ),
    Index("ix_recipients_held", "id", postgresql_where=_HELD, sqlite_where=_HELD),
    Index("ix_recipients_email_id_position", "email_id", "position"),
    Index("ix_recipients_key", "key"),
)

# One row per call to SES; its id travels as a tag. `number` counts every call, burned or not.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("recipient_id", Uuid, ForeignKey("recipients.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("evidence", String(16)),
    Column("ses_message_id", String(128), index=True),
    Column("reason", Text),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_attempts_recipient_id_started_at", "recipient_id", "started_at"),
    Index("ix_attempts_started_at", "started_at"),
)

# The inbox: what SNS brought, unique by its message id, before anybody drew a conclusion from it.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sns_message_id", String(64), nullable=False, unique=True),
    Column("topic_arn", String(300), nullable=False),
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
        "ix_feedback_due_at",
        "due_at",
        postgresql_where=text("state in ('new', 'parked')"),
        sqlite_where=text("state in ('new', 'parked')"),
    ),
    Index("ix_feedback_quarantined", "received_at", postgresql_where=_QUARANTINED, sqlite_where=_QUARANTINED),
)

# The timeline: one normalised event per recipient. `dedup` makes a repeated event one row, whichever copy came first.
events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("feedback_id", Uuid, ForeignKey("feedback.id", ondelete="SET NULL")),
    Column("recipient_id", Uuid, ForeignKey("recipients.id"), index=True),
    Column("ses_message_id", String(128), nullable=False),
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
)

# Who did what to whom, when and why. Appended to, never changed.
audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(40), nullable=False),
    Column("key", String(320), index=True),
    Column("reason", Text),
    Column("data", Structured, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("app_id", Uuid, ForeignKey("apps.id"), primary_key=True),
    Column("key", String(256), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("answer", Structured),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# What has to wait although it is due: the whole account, one sender, or a lane that an operator paused.
circuits = Table(
    "circuits",
    metadata,
    Column("scope", String(300), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("probe_at", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default=text("1")),
)

# Bounces that are about us, and other news that an operator has to see, until one closes it.
incidents = Table(
    "incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False, server_default=text("1")),
    Column("closed_at", UtcDateTime),
    UniqueConstraint("kind", "subject"),
    Index("ix_incidents_open", "last_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
)

# When each worker process and each sweeper was last seen alive; `/readyz` and the fallback send rate ask it.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("kind", String(16), nullable=False, index=True),
    Column("seen_at", UtcDateTime, nullable=False),
)
