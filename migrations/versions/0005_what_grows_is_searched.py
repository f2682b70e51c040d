"""An index for each sweep and for each filter of a list, so that no growing table is read in full.

On PostgreSQL the indexes are built while email flows: each by itself, outside of a transaction. One that an earlier try
left incomplete is built again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

LIVE = "removed_at is null"
NONE = "false"

# Name, table, columns, condition, and what is different on PostgreSQL or SQLite.
INDEXES: tuple[tuple[str, str, list[str], str | None, dict[str, Any]], ...] = (
    ("ix_events_feedback_id", "events", ["feedback_id"], "feedback_id is not null", {}),
    ("ix_events_key_occurred_at_id", "events", ["key", "occurred_at", "id"], None, {}),
    ("ix_feedback_processed", "feedback", ["received_at"], "state = 'processed'", {}),
    ("ix_feedback_parked", "feedback", ["note"], "state = 'parked'", {}),
    ("ix_emails_with_body", "emails", ["created_at", "id"], "sealed_key is not null", {}),
    ("ix_emails_app_id_stream_id", "emails", ["app_id", "stream", "id"], None, {}),
    (
        "ix_emails_tags",
        "emails",
        ["tags"],
        "tags <> '{}'",
        {"postgresql_using": "gin", "postgresql_ops": {"tags": "jsonb_path_ops"}, "sqlite_where": sa.text(NONE)},
    ),
    (
        "ix_recipients_expires_at",
        "recipients",
        ["expires_at"],
        "state in ('held', 'queued', 'retry_wait', 'scheduled') and expires_at is not null",
        {},
    ),
    ("ix_recipients_key_app_id_email_id", "recipients", ["key", "app_id", "email_id"], None, {}),
    (
        "ix_recipients_app_id_state_email_id",
        "recipients",
        ["app_id", "state", "email_id"],
        "state <> 'sending' and position >= 0",
        {},
    ),
    ("ix_recipients_opened", "recipients", ["app_id", "email_id"], "opened_at is not null", {}),
    ("ix_recipients_clicked", "recipients", ["app_id", "email_id"], "clicked_at is not null", {}),
    ("ix_suppressions_expires_at", "suppressions", ["expires_at"], f"{LIVE} and expires_at is not null", {}),
    ("ix_suppressions_ses_removal", "suppressions", ["removed_at"], "ses_removal = 'pending'", {}),
    ("ix_suppressions_origin_id", "suppressions", ["origin", "id"], LIVE, {}),
    (
        "ix_suppressions_scope_id",
        "suppressions",
        ["scope", "id"],
        LIVE,
        {"postgresql_ops": {"scope": "text_pattern_ops"}},
    ),
    (
        "ix_suppressions_key_prefix",
        "suppressions",
        ["key"],
        LIVE,
        {"postgresql_ops": {"key": "text_pattern_ops"}, "sqlite_where": sa.text(NONE)},
    ),
)

# Rows of these change or go all the time. PostgreSQL's default thresholds are a tenth and a fifth of the table: with a
# year of rows in it, years would pass between two autovacuums, and old statistics would mislead the planner.
BUSY = ("emails", "recipients", "attempts", "feedback", "events", "idempotency_keys")
SETTINGS = (
    "autovacuum_vacuum_scale_factor",
    "autovacuum_analyze_scale_factor",
    "autovacuum_vacuum_insert_scale_factor",
)

IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for index in INDEXES:
            _create(*index)
        op.drop_index("ix_recipients_key", table_name="recipients")
        return
    with op.get_context().autocommit_block():
        for index in INDEXES:
            _create_while_in_use(*index)
        op.drop_index("ix_recipients_key", table_name="recipients", postgresql_concurrently=True, if_exists=True)
        for table in BUSY:
            op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = 0.01' for name in SETTINGS)})")


def downgrade() -> None:
    op.create_index("ix_recipients_key", "recipients", ["key"])
    for name, table, *_ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
    if op.get_bind().dialect.name == "postgresql":
        for table in BUSY:
            op.execute(f"ALTER TABLE {table} RESET ({', '.join(SETTINGS)})")


def _create(
    name: str, table: str, columns: list[str], condition: str | None, more: dict[str, Any], **options: Any
) -> None:
    where = sa.text(condition) if condition else None
    op.create_index(name, table, columns, **{"postgresql_where": where, "sqlite_where": where} | more | options)


def _create_while_in_use(name: str, *index: Any) -> None:
    is_valid = op.get_bind().scalar(IS_VALID, {"name": name})
    if is_valid is None or not is_valid:
        op.drop_index(name, postgresql_concurrently=True, if_exists=True)
        _create(name, *index, postgresql_concurrently=True)
