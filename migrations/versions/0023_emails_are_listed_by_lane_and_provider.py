"""Indexes by which emails of one lane, emails of one mailbox provider, and the keys of an application are listed.

On PostgreSQL they are built while email flows, outside of a transaction. One that an earlier try left incomplete is
built again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

LISTED = "state <> 'sending' and position >= 0"
INDEXES: dict[str, tuple[str, list[str], str | None]] = {
    "ix_api_keys_app_id_id": ("api_keys", ["app_id", "id"], None),
    "ix_emails_app_id_lane_id": ("emails", ["app_id", "lane", "id"], None),
    "ix_recipients_mailbox_provider": ("recipients", ["app_id", "mailbox_provider", "state", "email_id"], LISTED),
}
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        for name, (table, columns, condition) in INDEXES.items():
            op.create_index(name, table, columns, sqlite_where=sa.text(condition) if condition else None)
    else:
        with op.get_context().autocommit_block():
            for name, (table, columns, condition) in INDEXES.items():
                build(name, table, columns, condition)
    op.drop_index("ix_api_keys_app_id", table_name="api_keys")


def downgrade() -> None:
    op.create_index("ix_api_keys_app_id", "api_keys", ["app_id"])
    for name, (table, _, _) in INDEXES.items():
        op.drop_index(name, table_name=table)


def build(name: str, table: str, columns: list[str], condition: str | None) -> None:
    is_valid = op.get_bind().scalar(IS_VALID, {"name": name})
    if is_valid is False:
        op.drop_index(name, table_name=table, postgresql_concurrently=True)
    if is_valid is not True:
        where = sa.text(condition) if condition else None
        op.create_index(name, table, columns, postgresql_where=where, postgresql_concurrently=True)
