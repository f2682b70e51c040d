"""The deliveries to webhooks that have failed are found over all endpoints.

On PostgreSQL the index is built while email flows, outside of a transaction. One that an earlier try left incomplete is
built again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

INDEX, TABLE, COLUMNS = "ix_webhook_deliveries_failed", "webhook_deliveries", ["id", "endpoint_id"]
FAILED = sa.text("state = 'failed'")
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        op.create_index(INDEX, TABLE, COLUMNS, sqlite_where=FAILED)
        return
    with op.get_context().autocommit_block():
        is_valid = op.get_bind().scalar(IS_VALID, {"name": INDEX})
        if is_valid is False:
            op.drop_index(INDEX, table_name=TABLE, postgresql_concurrently=True)
        if is_valid is not True:
            op.create_index(INDEX, TABLE, COLUMNS, postgresql_where=FAILED, postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(INDEX, table_name=TABLE)
