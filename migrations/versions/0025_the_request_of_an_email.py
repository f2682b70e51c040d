"""The request that brought an email, and the index by which its emails are found; empty for the emails of before.

On PostgreSQL the index is built while email flows, outside of the transaction. One that an earlier try left incomplete
is built again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

INDEX = "ix_emails_request_id"
GIVEN = sa.text("request_id is not null")
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    """Each step may have been done by an earlier try: on PostgreSQL the index is outside of the transaction."""
    if "request_id" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("emails")}:
        op.add_column("emails", sa.Column("request_id", sa.Uuid))
    if op.get_context().dialect.name != "postgresql":
        op.create_index(INDEX, "emails", ["request_id"], sqlite_where=GIVEN)
        return
    with op.get_context().autocommit_block():
        build()


def downgrade() -> None:
    op.drop_index(INDEX, table_name="emails")
    op.drop_column("emails", "request_id")


def build() -> None:
    is_valid = op.get_bind().scalar(IS_VALID, {"name": INDEX})
    if is_valid is False:
        op.drop_index(INDEX, table_name="emails", postgresql_concurrently=True)
    if is_valid is not True:
        op.create_index(INDEX, "emails", ["request_id"], postgresql_where=GIVEN, postgresql_concurrently=True)
