"""Messages of queues that were refused, kept aside for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "refused_messages",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("queue", sa.String(80), nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.UniqueConstraint("queue", "message_id"),
    )


def downgrade() -> None:
    op.drop_table("refused_messages")
