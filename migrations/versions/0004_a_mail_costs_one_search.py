"""One search of the list for each email: its address by a hash index, its other keys in a small index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

LIVE_NO_DOMAIN = sa.text("removed_at is null and substr(key, 1, 1) <> '@'")
LIVE_NO_ADDRESS = sa.text("removed_at is null and substr(key, 1, 1) in ('#', '@')")
NONE = sa.text("false")


def upgrade() -> None:
    op.create_index(
        "ix_suppressions_no_domain",
        "suppressions",
        ["key"],
        postgresql_using="hash",
        postgresql_where=LIVE_NO_DOMAIN,
        sqlite_where=NONE,
    )
    op.create_index(
        "ix_suppressions_no_address",
        "suppressions",
        ["key"],
        postgresql_where=LIVE_NO_ADDRESS,
        sqlite_where=NONE,
    )


def downgrade() -> None:
    op.drop_index("ix_suppressions_no_address", table_name="suppressions")
    op.drop_index("ix_suppressions_no_domain", table_name="suppressions")
