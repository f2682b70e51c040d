"""The tables of reports. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Uuid

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import metadata

# What is counted, of how many recipients, by the hour in which they were accepted. `app_id` has no foreign key here,
# since checking it would lock the application for each email. A row of `count_changes` is one addition, until a sweep
# folds it into the sums of its hour and of its day. A count is such a sum with what is not folded yet.
count_changes = Table(
    "count_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("hour", UtcDateTime, nullable=False),
    Column("app_id", Uuid, nullable=False),
    Column("stream", String(64), nullable=False),
    Column("mailbox_provider", String(16), nullable=False),
    Column("what", String(16), nullable=False),
    Column("number", Integer, nullable=False),
)

hourly_counts = Table(
    "hourly_counts",
    metadata,
    Column("app_id", Uuid, primary_key=True),
    Column("hour", UtcDateTime, primary_key=True, index=True),
    Column("stream", String(64), primary_key=True),
    Column("mailbox_provider", String(16), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

daily_counts = Table(
    "daily_counts",
    metadata,
    Column("app_id", Uuid, primary_key=True),
    Column("day", UtcDateTime, primary_key=True, index=True),
    Column("stream", String(64), primary_key=True),
    Column("mailbox_provider", String(16), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
