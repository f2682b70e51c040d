"""How many recipients were accepted, delivered to, bounced and so on, by hour and day.

Recipients that were accepted before 0012 have no mailbox provider and are not counted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0012"

TIMES = {"hourly_counts": "hour", "daily_counts": "day"}


def upgrade() -> None:
    """Each step may have been done by an earlier try."""
    found = sa.inspect(op.get_bind())
    if not found.has_table("count_changes"):
        op.create_table(
            "count_changes",
            sa.Column("id", sa.Uuid, primary_key=True),
            sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
            sa.Column("app_id", sa.Uuid, nullable=False),
            sa.Column("stream", sa.String(64), nullable=False),
            sa.Column("mailbox_provider", sa.String(16), nullable=False),
            sa.Column("what", sa.String(16), nullable=False),
            sa.Column("number", sa.Integer, nullable=False),
        )
    for table, time in TIMES.items():
        if not found.has_table(table):
            op.create_table(
                table,
                sa.Column("app_id", sa.Uuid, primary_key=True),
                sa.Column(time, sa.DateTime(timezone=True), primary_key=True),
                sa.Column("stream", sa.String(64), primary_key=True),
                sa.Column("mailbox_provider", sa.String(16), primary_key=True),
                sa.Column("what", sa.String(16), primary_key=True),
                sa.Column("number", sa.BigInteger, nullable=False),
            )
    op.create_index("ix_hourly_counts_hour", "hourly_counts", ["hour"], if_not_exists=True)


def downgrade() -> None:
    for table in (*TIMES, "count_changes"):
        op.drop_table(table)
