"""Keys of a team, which write only to the addresses and domains of the team of their application.

Going down deletes them: the release before would let them write to every address.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"

STRUCTURED = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("apps", sa.Column("team", STRUCTURED, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("api_keys", sa.Column("kind", sa.String(8), nullable=False, server_default=sa.text("'live'")))


def downgrade() -> None:
    op.execute("DELETE FROM api_keys WHERE kind <> 'live'")
    op.drop_column("api_keys", "kind")
    op.drop_column("apps", "team")
