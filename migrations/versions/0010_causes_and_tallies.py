"""Why an email bounced, at its recipient; and how many recipients were accepted, sent to, delivered to and so on.

On PostgreSQL the index is built while email flows, outside of a transaction. One that an earlier try left incomplete is
built again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

INDEX, COLUMNS, CONDITION = "ix_recipients_cause", ["app_id", "cause", "email_id"], "cause is not null"
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    """Each step may have been done by an earlier try: on PostgreSQL the index is outside of the transaction."""
    found = sa.inspect(op.get_bind())
    if not any(column["name"] == "cause" for column in found.get_columns("recipients")):
        op.add_column("recipients", sa.Column("cause", sa.String(24)))
    if not found.has_table("tallies"):
        op.create_table(
            "tallies",
            sa.Column("what", sa.String(16), primary_key=True),
            sa.Column("label", sa.String(48), primary_key=True),
            sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("number", sa.BigInteger, nullable=False),
        )
    if op.get_context().dialect.name != "postgresql":
        op.create_index(INDEX, "recipients", COLUMNS, sqlite_where=sa.text(CONDITION))
        return
    with op.get_context().autocommit_block():
        is_valid = op.get_bind().scalar(IS_VALID, {"name": INDEX})
        if is_valid is False:
            op.drop_index(INDEX, table_name="recipients", postgresql_concurrently=True)
        if is_valid is not True:
            op.create_index(
                INDEX, "recipients", COLUMNS, postgresql_where=sa.text(CONDITION), postgresql_concurrently=True
            )


def downgrade() -> None:
    op.drop_index(INDEX, table_name="recipients")
    op.drop_table("tallies")
    op.drop_column("recipients", "cause")
