"""How many recipients were accepted, delivered to, bounced and so on, by hour and day; and budgets of applications.

Recipients that were accepted before 0012 have no mailbox provider and are not counted.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OF_APPS = (
    sa.Column("budget", JSON),
    sa.Column("budget_from", JSON),
    sa.Column("bulk_paused_at", sa.DateTime(timezone=True)),
    sa.Column("transactional_paused_at", sa.DateTime(timezone=True)),
    sa.Column("paused_reason", sa.Text),
)
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
        op.create_index(f"ix_{table}_{time}", table, [time], if_not_exists=True)
    there = {column["name"] for column in found.get_columns("apps")}
    for column in OF_APPS:
        if column.name not in there:
            op.add_column("apps", column)


def downgrade() -> None:
    """Lanes that were paused for an application go on, since older code cannot pause them."""
    for column in OF_APPS:
        op.drop_column("apps", column.name)
    for table in (*TIMES, "count_changes"):
        op.drop_table(table)
