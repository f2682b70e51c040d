"""Signing certificates that one process has fetched are shared with all others, and with those that start later."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "signing_certificates",
        sa.Column("url", sa.String(400), nullable=False),
        sa.Column("pem", sa.LargeBinary, nullable=False),
        sa.Column("proof", sa.LargeBinary(32), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )


def downgrade() -> None:
    op.drop_table("signing_certificates")
