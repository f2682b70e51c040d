"""Applications are a resource: a default stream, limits with the counts they are held to, an archive; rotated keys."""

import sqlalchemy as sa
from alembic import op

from app.store.engine.database import UtcDateTime, now

revision = "0013"
down_revision = "0012"

COLUMNS = {
    "apps": (
        sa.Column("default_stream", sa.String(64), nullable=False, server_default=sa.text("'default'")),
        sa.Column("emails_per_second", sa.Integer),
        sa.Column("emails_per_day", sa.Integer),
        sa.Column("archived_at", UtcDateTime),
    ),
    "api_keys": (sa.Column("replaced_by", sa.String(16)),),
}


def upgrade() -> None:
    """Each step may have been done by an earlier try."""
    found = sa.inspect(op.get_bind())
    for table, columns in COLUMNS.items():
        present = {column["name"] for column in found.get_columns(table)}
        for column in columns:
            if column.name not in present:
                op.add_column(table, column)
    if not found.has_table("app_usage"):
        op.create_table(
            "app_usage",
            sa.Column("app_id", sa.Uuid, sa.ForeignKey("apps.id"), primary_key=True),
            sa.Column("second_began", UtcDateTime, nullable=False),
            sa.Column("in_second", sa.BigInteger, nullable=False),
            sa.Column("day_began", UtcDateTime, nullable=False),
            sa.Column("in_day", sa.BigInteger, nullable=False),
        )


def downgrade() -> None:
    """The keys of archived applications are revoked, since older code would take them. Limits no longer hold."""
    apps = sa.table("apps", sa.column("id"), sa.column("archived_at"))
    keys = sa.table("api_keys", sa.column("app_id"), sa.column("revoked_at"))
    archived = sa.select(apps.c.id).where(apps.c.archived_at.is_not(None))
    op.execute(sa.update(keys).where(keys.c.app_id.in_(archived), keys.c.revoked_at.is_(None)).values(revoked_at=now()))
    op.drop_table("app_usage")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
