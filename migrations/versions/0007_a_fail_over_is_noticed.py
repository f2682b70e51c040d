"""Store the identity of the server in the database; after a fail-over, or on a restored copy, the server differs.

The function returns NULL if the role lacks the permission, or the service does not show the identity: then nothing is
noticed. It takes the timeline from the WAL insert position, since `pg_control_checkpoint()` has the old one until the
first checkpoint after a promotion.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

THIS_SERVER = """
CREATE OR REPLACE FUNCTION postern_this_server() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' || (
        'x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)
    )::bit(32)::int;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "database_server",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("identity", sa.String(64)),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(THIS_SERVER)
        op.execute("INSERT INTO database_server (id, identity, since) VALUES (1, postern_this_server(), now())")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS postern_this_server()")
    op.drop_table("database_server")
