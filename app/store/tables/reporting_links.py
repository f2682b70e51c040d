"""The table of links to pages of outcomes. It is used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Uuid

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import metadata

# What a link shows: `value` is an actor, a reference, a stream, or a tag as `name:value`. `masked`: without addresses.
outcome_links = Table(
    "outcome_links",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("app_id", Uuid, ForeignKey("apps.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", String(513), nullable=False),
    Column("title", String(200)),
    Column("masked", Boolean, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Index("ix_outcome_links_app_id_id", "app_id", "id"),
    Index("ix_outcome_links_expires_at", "expires_at"),
)
