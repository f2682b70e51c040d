"""The tables. The meaning of each column is documented here; which values may follow which, in `app.domain`.

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
    Uuid,
    false,
    text,
)

from app.store.engine.database import UtcDateTime
from app.store.tables.apps import api_keys, app_usage, apps, idempotency_keys
from app.store.tables.feedback import events, notifications
from app.store.tables.metadata import Structured, metadata
from app.store.tables.operating import (
    alerts,
    audit,
    circuits,
    database_server,
    heartbeats,
    incidents,
    refused_messages,
    signing_certificates,
    tallies,
)
from app.store.tables.reporting import count_changes, daily_counts, hourly_counts
from app.store.tables.reporting_links import outcome_links
from app.store.tables.suppression import (
    cursors,
    peppers,
    reviews,
    ses_suppressions,
    streams,
    suppression_events,
    suppressions,
)
from app.store.tables.users import sign_in_failures, sign_in_links, user_sessions, users
from app.store.tables.webhooks import (
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
    webhook_messages,
    webhook_secrets,
)

__all__ = [
    "alerts",
    "api_keys",
    "app_usage",
    "apps",
    "attempts",
    "audit",
    "circuits",
    "count_changes",
    "cursors",
    "daily_counts",
    "database_server",
    "emails",
    "events",
    "heartbeats",
    "hourly_counts",
    "idempotency_keys",
    "incidents",
    "metadata",
    "notifications",
    "outcome_links",
    "peppers",
    "recipients",
    "refused_messages",
    "reviews",
    "ses_suppressions",
    "sign_in_failures",
    "sign_in_links",
    "signing_certificates",
    "streams",
    "suppression_events",
    "suppressions",
    "tallies",
    "user_sessions",
    "users",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_endpoints",
    "webhook_messages",
    "webhook_secrets",
]

_CLAIMABLE = text("state in ('scheduled', 'queued', 'retry_wait')")
_CAUSED = text("cause is not null")
_HELD = text("state = 'held'")
_MAY_EXPIRE = text("state in ('held', 'queued', 'retry_wait', 'scheduled') and expires_at is not null")
# `position` is never negative. Only the query of a list has this condition, so only it may use the index: a claim that
# used the index would sort all waiting email.
_LISTED = text("state <> 'sending' and position >= 0")
_WITH_BODY = text("sealed_key is not null")
_WITH_TAGS = text("tags <> '{}'")
_NONE = text("false")
_ACTED = text("actor is not null")
_REFERS = text("reference is not null")
_SUPERSEDES = text("supersedes is not null")
_REQUESTED = text("request_id is not null")

# One submission. `actor` is on whose behalf it was sent, `reference` what it is about; a newer email with the same
# `supersedes` cancels it while it waits. `request_id` is that of the request that brought it. `sealed_body` holds text,
# html and attachments under `sealed_key`; without the key they are gone, since `erased_at`.
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
    Column("actor", String(320)),
    Column("reference", String(256)),
    Column("supersedes", String(256)),
    Column("request_id", Uuid),
    Column("sealed_body", LargeBinary),
    Column("sealed_key", LargeBinary),
    Column("erased_at", UtcDateTime),
    Column("on_unconfirmed", String(8), nullable=False, server_default=text("'resend'")),
    Column("scheduled_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_emails_app_id_id", "app_id", "id"),
    Index("ix_emails_app_id_stream_id", "app_id", "stream", "id"),
    Index("ix_emails_app_id_lane_id", "app_id", "lane", "id"),
    Index("ix_emails_app_id_actor_id", "app_id", "actor", "id", postgresql_where=_ACTED, sqlite_where=_ACTED),
    Index("ix_emails_app_id_reference_id", "app_id", "reference", "id", postgresql_where=_REFERS, sqlite_where=_REFERS),
    Index(
        "ix_emails_app_id_supersedes_id",
        "app_id",
        "supersedes",
        "id",
        postgresql_where=_SUPERSEDES,
        sqlite_where=_SUPERSEDES,
    ),
    Index("ix_emails_request_id", "request_id", postgresql_where=_REQUESTED, sqlite_where=_REQUESTED),
    Index("ix_emails_with_body", "created_at", "id", postgresql_where=_WITH_BODY, sqlite_where=_WITH_BODY),
    # Empty on SQLite, which has no such index. It leaves out the many emails without tags.
    Index(
        "ix_emails_tags",
        "tags",
        postgresql_using="gin",
        postgresql_ops={"tags": "jsonb_path_ops"},
        postgresql_where=_WITH_TAGS,
        sqlite_where=_NONE,
    ),
)

# One row per address: one call, one fate. `scope` is `app/stream`; `lease_token` is the claim that holds the row. Lane,
# scope and the From domain are copied from the email, so that a claim reads one table. `pseudonym` stands for the
# address on the list once its person was forgotten. `mailbox_provider` is empty in rows from before it was known.
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
    Column("mailbox_provider", String(16), nullable=False, server_default=text("''")),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("cause", String(24)),
    Column("due_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_token", Uuid),
    Column("lease_until", UtcDateTime),
    Column("ses_message_id", String(256), unique=True),
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
    Index("ix_recipients_key_app_id_email_id", "key", "app_id", "email_id"),
    Index("ix_recipients_expires_at", "expires_at", postgresql_where=_MAY_EXPIRE, sqlite_where=_MAY_EXPIRE),
    # Email that is being sent is found by its lease: there is little of it, and each email is in that state once.
    Index(
        "ix_recipients_app_id_state_email_id",
        "app_id",
        "state",
        "email_id",
        postgresql_where=_LISTED,
        sqlite_where=_LISTED,
    ),
    Index(
        "ix_recipients_mailbox_provider",
        "app_id",
        "mailbox_provider",
        "state",
        "email_id",
        postgresql_where=_LISTED,
        sqlite_where=_LISTED,
    ),
    Index("ix_recipients_cause", "app_id", "cause", "email_id", postgresql_where=_CAUSED, sqlite_where=_CAUSED),
    Index(
        "ix_recipients_opened",
        "app_id",
        "email_id",
        postgresql_where=text("opened_at is not null"),
        sqlite_where=text("opened_at is not null"),
    ),
    Index(
        "ix_recipients_clicked",
        "app_id",
        "email_id",
        postgresql_where=text("clicked_at is not null"),
        sqlite_where=text("clicked_at is not null"),
    ),
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
    Column("ses_message_id", String(256), index=True),
    Column("reason", Text),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_attempts_recipient_id_started_at", "recipient_id", "started_at"),
    Index("ix_attempts_started_at", "started_at"),
)
