"""Links to pages of outcomes."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "outcome_links",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("app_id", sa.Uuid, sa.ForeignKey("apps.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(513), nullable=False),
        sa.Column("title", sa.String(200)),
        sa.Column("masked", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_outcome_links_app_id_id", "outcome_links", ["app_id", "id"])
    op.create_index("ix_outcome_links_expires_at", "outcome_links", ["expires_at"])


def downgrade() -> None:
    op.drop_table("outcome_links")
