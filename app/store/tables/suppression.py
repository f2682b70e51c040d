"""The tables of the suppression list. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, Uuid, false, text

from app.store.engine.database import UtcDateTime
from app.store.engine.sql_functions import at_domain
from app.store.tables.metadata import Structured, metadata

_LIVE = text("removed_at is null")
_UNDECIDED = text("decided_at is null")

# Conditions on the kind of a key, as literals both in the gate's query and in its two indexes: otherwise PostgreSQL
# would not know that the indexes have all rows it asks for. An address may begin with `#` as a pseudonym does: it is in
# both, which does no harm.
IS_NO_DOMAIN = text("substr(key, 1, 1) <> '@'")
IS_NO_ADDRESS = text("substr(key, 1, 1) in ('#', '@')")
_LIVE_NO_DOMAIN = text(f"{_LIVE} and {IS_NO_DOMAIN}")
_LIVE_NO_ADDRESS = text(f"{_LIVE} and {IS_NO_ADDRESS}")
_PAST = text("removed_at is not null")
_RUNS_OUT = text(f"{_LIVE} and expires_at is not null")
_PENDING = text("ses_removal = 'pending'")
_NONE = text("false")

# One live row per (key, scope). `key` is an address, a whole domain (`@example.org`), or the pseudonym of a forgotten
# person. `removed_at` makes it a tombstone, kept so that a late event cannot undo the removal. `ses_removal` is
# `pending` until the address is off SES's account list too. With `review_id`, a person has yet to decide whether it
# stays.
suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", String(320), nullable=False),
    Column("scope", String(128), nullable=False),
    Column("address", String(320), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Structured, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("removed_at", UtcDateTime),
    Column("removed_by", String(200)),
    Column("removal_reason", Text),
    Column("ses_removal", String(8)),
    Column("review_id", Uuid, ForeignKey("reviews.id"), index=True),
    Index("uq_suppressions_live", "key", "scope", unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE),
    Index("ix_suppressions_key_removed_at", "key", "removed_at"),
    # The gate's own index, empty on SQLite, which uses the unique one. A hash finds a key in one page, where a tree of
    # ten million needs four. A query for many keys must not use it, so only the gate has the condition `IS_NO_DOMAIN`:
    # PostgreSQL compares each row found by a hash with every key that was asked for.
    Index(
        "ix_suppressions_no_domain",
        "key",
        postgresql_using="hash",
        postgresql_where=_LIVE_NO_DOMAIN,
        sqlite_where=_NONE,
    ),
    Index("ix_suppressions_no_address", "key", postgresql_where=_LIVE_NO_ADDRESS, sqlite_where=_NONE),
    Index("ix_suppressions_expires_at", "expires_at", postgresql_where=_RUNS_OUT, sqlite_where=_RUNS_OUT),
    Index("ix_suppressions_ses_removal", "removed_at", postgresql_where=_PENDING, sqlite_where=_PENDING),
    Index("ix_suppressions_origin_id", "origin", "id", postgresql_where=_LIVE, sqlite_where=_LIVE),
    # An index finds the beginning of a text only if it compares byte by byte, whatever the locale.
    Index(
        "ix_suppressions_scope_id",
        "scope",
        "id",
        postgresql_ops={"scope": "text_pattern_ops"},
        postgresql_where=_LIVE,
        sqlite_where=_LIVE,
    ),
    Index(
        "ix_suppressions_key_prefix",
        "key",
        postgresql_ops={"key": "text_pattern_ops"},
        postgresql_where=_LIVE,
        sqlite_where=_NONE,
    ),
    Index("ix_suppressions_domain_id", at_domain(text("key")), "id", postgresql_where=_LIVE, sqlite_where=_LIVE),
    # The console lists what ends by itself, and what is over, by the same filters as what is live.
    Index("ix_suppressions_expiring_id", "id", postgresql_where=_RUNS_OUT, sqlite_where=_RUNS_OUT),
    Index("ix_suppressions_past_domain_id", at_domain(text("key")), "id", postgresql_where=_PAST, sqlite_where=_PAST),
    Index("ix_suppressions_past_id", "id", postgresql_where=_PAST, sqlite_where=_PAST),
    Index("ix_suppressions_past_origin_id", "origin", "id", postgresql_where=_PAST, sqlite_where=_PAST),
    Index(
        "ix_suppressions_past_scope_id",
        "scope",
        "id",
        postgresql_ops={"scope": "text_pattern_ops"},
        postgresql_where=_PAST,
        sqlite_where=_PAST,
    ),
    Index(
        "ix_suppressions_past_key_prefix",
        "key",
        postgresql_ops={"key": "text_pattern_ops"},
        postgresql_where=_PAST,
        sqlite_where=_NONE,
    ),
)

# Many addresses of one domain bounced at once: more likely the fault of their server than of each address. A person
# confirms or undoes all resulting entries together.
reviews = Table(
    "reviews",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("domain", String(255), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("decision", String(16)),
    Column("decided_by", String(200)),
    Column("reason", Text),
    Index("uq_reviews_open", "domain", unique=True, postgresql_where=_UNDECIDED, sqlite_where=_UNDECIDED),
)

# Changes of entries, as applications see them: added, removed, expired, put under review.
suppression_events = Table(
    "suppression_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("suppression_id", Uuid, ForeignKey("suppressions.id"), nullable=False, index=True),
    Column("type", String(16), nullable=False),
    Column("scope", String(128), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# SES's own suppression list as last read, in the spelling that its API requires.
ses_suppressions = Table(
    "ses_suppressions",
    metadata,
    Column("address", String(320), primary_key=True),
    Column("key", String(320), nullable=False, index=True),
    Column("reason", String(16), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
)

# Settings of a stream: its title for readers, and whether its email has unsubscribe links.
streams = Table(
    "streams",
    metadata,
    Column("app_id", Uuid, ForeignKey("apps.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("unsubscribe", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
)

# The position of work that takes hours, so that it continues after a restart.
cursors = Table(
    "cursors",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("state", Structured, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# Keys that must outlive every key of SECRET_KEYS, sealed under it.
peppers = Table(
    "peppers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("purpose", String(32), nullable=False, unique=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
