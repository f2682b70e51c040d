"""What the operator was alerted to, and the form in which an endpoint wants its events."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("kind", "subject", name="uq_alerts_kind_subject"),
    )
    op.add_column(
        "webhook_endpoints", sa.Column("format", sa.String(8), nullable=False, server_default=sa.text("'standard'"))
    )


def downgrade() -> None:
    op.drop_column("webhook_endpoints", "format")
    op.drop_table("alerts")
