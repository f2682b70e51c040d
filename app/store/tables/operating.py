"""The tables of operators. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import Structured, metadata

_OPEN, _CLOSED = text("closed_at is null"), text("closed_at is not null")

# Actor, action, key, time and reason of every change. Rows are appended and never changed.
audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(40), nullable=False),
    Column("key", String(320)),
    Column("reason", Text),
    Column("data", Structured, nullable=False),
    Index("ix_audit_actor_id", "actor", "id"),
    Index("ix_audit_action_id", "action", "id"),
    Index("ix_audit_key_id", "key", "id"),
)

# Due email that has to wait: of the whole account, of one sender, or of a lane that an operator paused.
circuits = Table(
    "circuits",
    metadata,
    Column("scope", String(300), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("probe_at", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default=text("1")),
)

# Bounces that we caused, and other problems that an operator has to see, until one closes it.
incidents = Table(
    "incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("detail", Text, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False, server_default=text("1")),
    Column("closed_at", UtcDateTime),
    UniqueConstraint("kind", "subject"),
    Index("ix_incidents_open", "last_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("ix_incidents_closed", "closed_at", postgresql_where=_CLOSED, sqlite_where=_CLOSED),
)

# What an operator was alerted to and is not over. The kind is an incident's, or `circuit`; the subject is that of the
# incident, or the scope of the circuit.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    UniqueConstraint("kind", "subject"),
)

# When each worker process and each sweeper was last seen alive; used by `/readyz` and the fallback send rate.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("kind", String(16), nullable=False, index=True),
    Column("seen_at", UtcDateTime, nullable=False),
)

# Where PostgreSQL was last known to keep this database: one row. See `app.store.operating.server_timeline`.
database_server = Table(
    "database_server",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("identity", String(64)),
    Column("since", UtcDateTime, nullable=False),
)

# Certificates that processes have fetched from AWS to check signatures. `proof` is keyed by SECRET_KEYS, and a row
# without a correct one is not trusted.
signing_certificates = Table(
    "signing_certificates",
    metadata,
    Column("url", String(400), primary_key=True),
    Column("pem", LargeBinary, nullable=False),
    Column("proof", LargeBinary(32), nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
)

# Messages of queues that were refused, kept for a person. `raw` is not authentic: it is never read as a notification.
refused_messages = Table(
    "refused_messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("queue", String(80), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("length", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("refused_at", UtcDateTime, nullable=False, index=True),
    UniqueConstraint("queue", "message_id"),
)

# Each count is the sum of its shards.
tallies = Table(
    "tallies",
    metadata,
    Column("what", String(16), primary_key=True),
    Column("label", String(48), primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
