"""Rename the table `feedback` to `notifications`, after the rows that it holds.

Processes of the previous release may run during this migration and after it. On PostgreSQL they find a view under the
old name, through which they read, lock and write the same rows; a later release removes the view. SQLite cannot write
through such a view: there the old processes fail until they are restarted, and SNS delivers once more.
"""

import time

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import OperationalError

revision = "0009"
down_revision = "0008"

PARTIAL = {
    "due_at": ("due_at", "state in ('new', 'parked')"),
    "quarantined": ("received_at", "state = 'quarantined'"),
    "processed": ("received_at", "state = 'processed'"),
    "parked": ("note", "state = 'parked'"),
}
KEYS = ("pk_{}", "uq_{}_sns_message_id")
TRIES = 30

IS_TABLE = sa.text("SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass(:name)")

# The view gets the privileges that roles have on the table.
VIEW = """
CREATE VIEW feedback AS SELECT * FROM notifications;
FOR granted IN
    SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS role
    FROM pg_class, aclexplode(relacl)
    WHERE oid = 'notifications'::regclass AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
LOOP
    EXECUTE format('GRANT %s ON feedback TO %s', granted.privilege_type, granted.role);
END LOOP;
"""


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        _rename_at_once("feedback", "notifications", after=VIEW)
    else:
        _rename_one_by_one("feedback", "notifications")


def downgrade() -> None:
    """Stop the processes of this release first: they know the table by its new name only."""
    if op.get_context().dialect.name == "postgresql":
        _rename_at_once("notifications", "feedback", before="DROP VIEW IF EXISTS feedback;")
    else:
        _rename_one_by_one("notifications", "feedback")


def _rename_at_once(old: str, new: str, *, before: str = "", after: str = "") -> None:
    """Rename in one transaction, so that each session always finds one of the names.

    Each try waits 2 s at most for the lock; then other sessions pass, and it tries again.
    """
    keys = (f"ALTER TABLE {new} RENAME CONSTRAINT {key.format(old)} TO {key.format(new)};" for key in KEYS)
    indexes = (f"ALTER INDEX ix_{old}_{name} RENAME TO ix_{new}_{name};" for name in PARTIAL)
    steps = (before, f"ALTER TABLE {old} RENAME TO {new};", *keys, *indexes, after)
    block = f"DO $$ DECLARE granted record; BEGIN {' '.join(steps)} END $$"
    with op.get_context().autocommit_block():
        if op.get_bind().scalar(IS_TABLE, {"name": new}):
            return
        op.execute("SET lock_timeout = '2s'")
        for left in reversed(range(TRIES)):
            try:
                op.execute(block)
            except OperationalError:
                if not left:
                    raise
                time.sleep(1)
            else:
                break
        op.execute("RESET lock_timeout")


def _rename_one_by_one(old: str, new: str) -> None:
    """Rename step by step, in SQLite's one transaction. The names of keys stay: SQLite shows them nowhere."""
    op.rename_table(old, new)
    for name, (column, condition) in PARTIAL.items():
        op.drop_index(f"ix_{old}_{name}", table_name=new)
        op.create_index(f"ix_{new}_{name}", new, [column], sqlite_where=sa.text(condition))
