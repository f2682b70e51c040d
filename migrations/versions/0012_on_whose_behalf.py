"""On whose behalf an email was sent, what it is about, and what it supersedes; and the mailbox provider of a recipient.

On PostgreSQL the indexes are built while email flows, outside of a transaction. One that an earlier try left incomplete
is built again. The new columns of old rows are empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

COLUMNS = {
    "emails": (
        sa.Column("actor", sa.String(320)),
        sa.Column("reference", sa.String(256)),
        sa.Column("supersedes", sa.String(256)),
    ),
    "recipients": (sa.Column("mailbox_provider", sa.String(16), nullable=False, server_default=sa.text("''")),),
}
INDEXED = ("actor", "reference", "supersedes")
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    """Each step may have been done by an earlier try: on PostgreSQL the indexes are outside of the transaction."""
    found = sa.inspect(op.get_bind())
    for table, columns in COLUMNS.items():
        there = {column["name"] for column in found.get_columns(table)}
        for column in columns:
            if column.name not in there:
                op.add_column(table, column)
    if op.get_context().dialect.name != "postgresql":
        for name in INDEXED:
            op.create_index(index_of(name), "emails", ["app_id", name, "id"], sqlite_where=given(name))
        return
    with op.get_context().autocommit_block():
        for name in INDEXED:
            build(name)


def downgrade() -> None:
    for name in INDEXED:
        op.drop_index(index_of(name), table_name="emails")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)


def build(name: str) -> None:
    is_valid = op.get_bind().scalar(IS_VALID, {"name": index_of(name)})
    if is_valid is False:
        op.drop_index(index_of(name), table_name="emails", postgresql_concurrently=True)
    if is_valid is not True:
        op.create_index(
            index_of(name),
            "emails",
            ["app_id", name, "id"],
            postgresql_where=given(name),
            postgresql_concurrently=True,
        )


def index_of(name: str) -> str:
    return f"ix_emails_app_id_{name}_id"


def given(name: str) -> sa.TextClause:
    return sa.text(f"{name} is not null")
