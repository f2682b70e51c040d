"""The secret of an API key that opens the SES door, sealed; empty for every other key."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"

STRUCTURED = sa.JSON().with_variant(JSONB(), "postgresql")
DOORS = ("ses", "smtp")


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("sealed_secret", sa.LargeBinary))
    op.add_column("api_keys", sa.Column("sealed_key", sa.LargeBinary))


def downgrade() -> None:
    """Keys open the SES door and the SMTP door no more, and stay valid for the API."""
    forget_doors()
    op.drop_column("api_keys", "sealed_key")
    op.drop_column("api_keys", "sealed_secret")


def forget_doors() -> None:
    """Take the scopes of the doors from all keys: older code does not know them."""
    keys = sa.table("api_keys", sa.column("id", sa.Uuid), sa.column("scopes", STRUCTURED))
    connection = op.get_bind()
    for key_id, scopes in connection.execute(sa.select(keys.c.id, keys.c.scopes)).all():
        kept = [scope for scope in scopes if scope not in DOORS]
        if kept != scopes:
            connection.execute(sa.update(keys).where(keys.c.id == key_id).values(scopes=kept))
