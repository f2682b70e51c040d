"""Indexes for the audit by actor, by action and by subject, and for closed incidents.

On PostgreSQL they are built while email flows, outside of a transaction. One that an earlier try left incomplete is
built again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

SEARCHED = {f"ix_audit_{column}_id": [column, "id"] for column in ("actor", "action", "key")}
OLD, CLOSED = "ix_audit_key", "ix_incidents_closed"
IS_CLOSED = sa.text("closed_at is not null")
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    """Each step may have been done by an earlier try: on PostgreSQL it is outside of the transaction."""
    if op.get_context().dialect.name != "postgresql":
        for name, columns in SEARCHED.items():
            op.create_index(name, "audit", columns)
        op.create_index(CLOSED, "incidents", ["closed_at"], sqlite_where=IS_CLOSED)
        op.drop_index(OLD, table_name="audit")
        return
    with op.get_context().autocommit_block():
        for name, columns in SEARCHED.items():
            build(name, "audit", columns)
        build(CLOSED, "incidents", ["closed_at"], IS_CLOSED)
        op.drop_index(OLD, table_name="audit", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.create_index(OLD, "audit", ["key"])
    op.drop_index(CLOSED, table_name="incidents")
    for name in SEARCHED:
        op.drop_index(name, table_name="audit")


def build(name: str, table: str, columns: list[str], where: sa.TextClause | None = None) -> None:
    is_valid = op.get_bind().scalar(IS_VALID, {"name": name})
    if is_valid is False:
        op.drop_index(name, table_name=table, postgresql_concurrently=True)
    if is_valid is not True:
        op.create_index(name, table, columns, postgresql_where=where, postgresql_concurrently=True)
