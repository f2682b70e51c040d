"""The tables of applications. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import (
    BigInteger,
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
from app.store.tables.metadata import Structured, metadata

# An application: its senders, its team, its defaults, and its limits; a limit that is null does not exist. `budget`
# holds the lines that differ from the default, `budget_from` what had been spent when it was last resumed.
apps = Table(
    "apps",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("senders", Structured, nullable=False),
    Column("team", Structured, nullable=False, server_default=text("'[]'")),
    Column("default_lane", String(16), nullable=False),
    Column("default_stream", String(64), nullable=False, server_default=text("'default'")),
    Column("reason_optional", Boolean, nullable=False, server_default=false()),
    Column("on_unconfirmed", String(8), nullable=False, server_default=text("'resend'")),
    Column("emails_per_second", Integer),
    Column("emails_per_day", Integer),
    Column("budget", Structured),
    Column("budget_from", Structured),
    Column("bulk_paused_at", UtcDateTime),
    Column("transactional_paused_at", UtcDateTime),
    Column("paused_reason", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("archived_at", UtcDateTime),
)

# The recipients that were accepted of an application with limits, in its last second and its last day.
app_usage = Table(
    "app_usage",
    metadata,
    Column("app_id", Uuid, ForeignKey("apps.id"), primary_key=True),
    Column("second_began", UtcDateTime, nullable=False),
    Column("in_second", BigInteger, nullable=False),
    Column("day_began", UtcDateTime, nullable=False),
    Column("in_day", BigInteger, nullable=False),
)

# `replaced_by` is the public id of the key that a rotation made in its place. A key of the SES door has its secret a
# second time, sealed as bodies are: the signature of a request can be checked with the secret only.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False),
    Column("public_id", String(16), nullable=False, unique=True),
    Column("secret_sha256", LargeBinary(32), nullable=False),
    Column("sealed_secret", LargeBinary),
    Column("sealed_key", LargeBinary),
    Column("kind", String(8), nullable=False, server_default=text("'live'")),
    Column("name", String(100), nullable=False),
    Column("scopes", Structured, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("replaced_by", String(16)),
    Index("ix_api_keys_app_id_id", "app_id", "id"),
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
