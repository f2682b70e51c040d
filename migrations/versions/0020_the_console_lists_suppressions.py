"""Indexes by which the console lists the entries of a domain, those that end by themselves, and those that are over.

On PostgreSQL they are built while email flows, outside of a transaction. One that an earlier try left incomplete is
built again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

LIVE = "removed_at is null"
RUNS_OUT = "removed_at is null and expires_at is not null"
PAST = "removed_at is not null"
DOMAIN = {"postgresql": "substr(key, strpos(key, '@'))", "sqlite": "substr(key, instr(key, '@'))"}
INDEXES = {
    "ix_suppressions_domain_id": (["domain", "id"], LIVE),
    "ix_suppressions_past_domain_id": (["domain", "id"], PAST),
    "ix_suppressions_expiring_id": (["id"], RUNS_OUT),
    "ix_suppressions_past_id": (["id"], PAST),
    "ix_suppressions_past_origin_id": (["origin", "id"], PAST),
    "ix_suppressions_past_scope_id": (["scope", "id"], PAST),
    "ix_suppressions_past_key_prefix": (["key"], PAST),
}
TEXTS = {"scope": "text_pattern_ops", "key": "text_pattern_ops"}
ONLY_ON_POSTGRESQL = "ix_suppressions_past_key_prefix"
IS_VALID = sa.text("select indisvalid from pg_index where indexrelid = to_regclass(:name)")


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        for name, (columns, condition) in INDEXES.items():
            where = "false" if name == ONLY_ON_POSTGRESQL else condition
            op.create_index(name, "suppressions", parts(columns), sqlite_where=sa.text(where))
        return
    with op.get_context().autocommit_block():
        for name, (columns, condition) in INDEXES.items():
            build(name, columns, condition)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name="suppressions")


def build(name: str, columns: list[str], condition: str) -> None:
    is_valid = op.get_bind().scalar(IS_VALID, {"name": name})
    if is_valid is False:
        op.drop_index(name, table_name="suppressions", postgresql_concurrently=True)
    if is_valid is not True:
        classes: dict[str, Any] = {column: TEXTS[column] for column in columns if column in TEXTS}
        op.create_index(
            name,
            "suppressions",
            parts(columns),
            postgresql_ops=classes,
            postgresql_where=sa.text(condition),
            postgresql_concurrently=True,
        )


def parts(columns: list[str]) -> list[str | sa.TextClause]:
    """The parts of an index; the domain of a key is no column."""
    dialect = op.get_context().dialect.name
    return [sa.text(DOMAIN[dialect]) if column == "domain" else column for column in columns]
