"""The tables of applications. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, String, Table, Text, Uuid, false, text

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import Structured, metadata

# An application: its senders, its default lane and its defaults. `budget` holds the lines that differ from the default,
# `budget_from` what had been spent when it was last resumed.
apps = Table(
    "apps",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("senders", Structured, nullable=False),
    Column("default_lane", String(16), nullable=False),
    Column("reason_optional", Boolean, nullable=False, server_default=false()),
    Column("on_unconfirmed", String(8), nullable=False, server_default=text("'resend'")),
    Column("budget", Structured),
    Column("budget_from", Structured),
    Column("bulk_paused_at", UtcDateTime),
    Column("transactional_paused_at", UtcDateTime),
    Column("paused_reason", Text),
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

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("app_id", Uuid, ForeignKey("apps.id"), primary_key=True),
    Column("key", String(256), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("answer", Structured),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)
