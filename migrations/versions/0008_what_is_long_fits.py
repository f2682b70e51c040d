"""Wider columns for the longest ARN, domain and SES message id. PostgreSQL rewrites nothing; SQLite has no limits.

Each change needs an exclusive lock on the table for a moment. While it waits for that, all other sessions wait behind
it. So each has a transaction of its own, gives up after two seconds, lets the others pass, and tries again.
"""

import time

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import OperationalError

revision = "0008"
down_revision = "0007"

WIDER = (
    ("recipients", "ses_message_id", 128, 256),
    ("attempts", "ses_message_id", 128, 256),
    ("events", "ses_message_id", 128, 256),
    ("feedback", "topic_arn", 300, 400),
    ("incidents", "subject", 200, 400),
)
TRIES = 30


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '2s'")
        for table, column, _, length in WIDER:
            _widen(table, column, length)
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    """Values that are longer than the old bound are cut."""
    if op.get_context().dialect.name != "postgresql":
        return
    for table, column, length, _ in WIDER:
        op.alter_column(table, column, type_=sa.String(length=length), postgresql_using=f"left({column}, {length})")


def _widen(table: str, column: str, length: int) -> None:
    for left in reversed(range(TRIES)):
        try:
            op.alter_column(table, column, type_=sa.String(length=length))
        except OperationalError:  # the lock was not free in time
            if not left:
                raise
            time.sleep(1)
        else:
            return
