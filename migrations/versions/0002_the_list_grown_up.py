"""More for the suppression list: reviews, its events, SES's own list, streams, and pseudonyms of forgotten people."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("opened_at", UTC, nullable=False),
        sa.Column("decided_at", UTC, nullable=True),
        sa.Column("decision", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
    )
    op.create_index(
        "uq_reviews_open",
        "reviews",
        ["domain"],
        unique=True,
        postgresql_where=sa.text("decided_at is null"),
        sqlite_where=sa.text("decided_at is null"),
    )
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.add_column(sa.Column("review_id", sa.Uuid(), nullable=True))
        suppressions.create_foreign_key("fk_suppressions_review_id", "reviews", ["review_id"], ["id"])
        suppressions.create_index("ix_suppressions_review_id", ["review_id"], unique=False)
    with op.batch_alter_table("recipients") as recipients:
        recipients.add_column(
            sa.Column("pseudonym", sa.String(length=23), server_default=sa.text("''"), nullable=False)
        )
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("domain", sa.String(length=255), nullable=True))
        events.create_index("ix_events_domain_type_occurred_at", ["domain", "type", "occurred_at"], unique=False)

    op.create_table(
        "suppression_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("suppression_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["suppression_id"], ["suppressions.id"], name="fk_suppression_events_suppression_id"),
        sa.PrimaryKeyConstraint("id", name="pk_suppression_events"),
    )
    op.create_index("ix_suppression_events_suppression_id", "suppression_events", ["suppression_id"], unique=False)

    op.create_table(
        "ses_suppressions",
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_ses_suppressions"),
    )
    op.create_index("ix_ses_suppressions_key", "ses_suppressions", ["key"], unique=False)
    op.create_index("ix_ses_suppressions_seen_at", "ses_suppressions", ["seen_at"], unique=False)

    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
    )

    op.create_table(
        "streams",
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("unsubscribe", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_streams_app_id"),
        sa.PrimaryKeyConstraint("app_id", "name", name="pk_streams"),
    )

    op.create_table(
        "peppers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_peppers"),
        sa.UniqueConstraint("purpose", name="uq_peppers_purpose"),
    )


def downgrade() -> None:
    op.drop_table("peppers")
    op.drop_table("streams")
    op.drop_table("cursors")
    op.drop_table("ses_suppressions")
    op.drop_table("suppression_events")
    with op.batch_alter_table("events") as events:
        events.drop_index("ix_events_domain_type_occurred_at")
        events.drop_column("domain")
    with op.batch_alter_table("recipients") as recipients:
        recipients.drop_column("pseudonym")
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.drop_index("ix_suppressions_review_id")
        suppressions.drop_constraint("fk_suppressions_review_id", type_="foreignkey")
        suppressions.drop_column("review_id")
    op.drop_table("reviews")
