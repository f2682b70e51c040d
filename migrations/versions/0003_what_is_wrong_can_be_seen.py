"""Incidents can be closed, and indexes find open incidents and everything that waits for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

OPEN = sa.text("closed_at is null")
QUARANTINED = sa.text("state = 'quarantined'")
HELD = sa.text("state = 'held'")


def upgrade() -> None:
    with op.batch_alter_table("incidents") as incidents:
        incidents.add_column(sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_incidents_open", "incidents", ["last_at"], postgresql_where=OPEN, sqlite_where=OPEN)
    op.create_index(
        "ix_feedback_quarantined",
        "feedback",
        ["received_at"],
        postgresql_where=QUARANTINED,
        sqlite_where=QUARANTINED,
    )
    op.create_index("ix_recipients_held", "recipients", ["id"], postgresql_where=HELD, sqlite_where=HELD)


def downgrade() -> None:
    op.drop_index("ix_recipients_held", table_name="recipients")
    op.drop_index("ix_feedback_quarantined", table_name="feedback")
    op.drop_index("ix_incidents_open", table_name="incidents")
    with op.batch_alter_table("incidents") as incidents:
        incidents.drop_column("closed_at")
