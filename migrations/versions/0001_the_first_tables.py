"""The first tables: applications, emails, notifications, the suppression list and the tables for their upkeep."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("senders", JSON, nullable=False),
        sa.Column("default_lane", sa.String(length=16), nullable=False),
        sa.Column("reason_optional", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("on_unconfirmed", sa.String(length=8), server_default=sa.text("'resend'"), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_apps"),
        sa.UniqueConstraint("name", name="uq_apps_name"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("data", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_key", "audit", ["key"], unique=False)

    op.create_table(
        "circuits",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", UTC, nullable=False),
        sa.Column("probe_at", UTC, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_circuits"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sns_message_id", sa.String(length=64), nullable=False),
        sa.Column("topic_arn", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", UTC, nullable=False),
        sa.Column("published_at", UTC, nullable=False),
        sa.Column("received_at", UTC, nullable=False),
        sa.Column("processed_at", UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("sns_message_id", name="uq_feedback_sns_message_id"),
    )
    op.create_index(
        "ix_feedback_due_at",
        "feedback",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state in ('new', 'parked')"),
        sqlite_where=sa.text("state in ('new', 'parked')"),
    )

    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeats"),
    )
    op.create_index("ix_heartbeats_kind", "heartbeats", ["kind"], unique=False)

    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("first_at", UTC, nullable=False),
        sa.Column("last_at", UTC, nullable=False),
        sa.Column("count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("kind", "subject", name="uq_incidents_kind_subject"),
    )
    op.create_table(
        "suppressions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", JSON, nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=True),
        sa.Column("removed_at", UTC, nullable=True),
        sa.Column("removed_by", sa.String(length=200), nullable=True),
        sa.Column("removal_reason", sa.Text(), nullable=True),
        sa.Column("ses_removal", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
    )
    op.create_index("ix_suppressions_key_removed_at", "suppressions", ["key", "removed_at"], unique=False)
    op.create_index(
        "uq_suppressions_live",
        "suppressions",
        ["key", "scope"],
        unique=True,
        postgresql_where=sa.text("removed_at is null"),
        sqlite_where=sa.text("removed_at is null"),
    )

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=True),
        sa.Column("revoked_at", UTC, nullable=True),
        sa.Column("last_used_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_api_keys_app_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("public_id", name="uq_api_keys_public_id"),
    )
    op.create_index("ix_api_keys_app_id", "api_keys", ["app_id"], unique=False)

    op.create_table(
        "emails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=True),
        sa.Column("reply_to", JSON, nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("on_unconfirmed", sa.String(length=8), server_default=sa.text("'resend'"), nullable=False),
        sa.Column("scheduled_at", UTC, nullable=True),
        sa.Column("expires_at", UTC, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_emails_app_id"),
        sa.PrimaryKeyConstraint("id", name="pk_emails"),
    )
    op.create_index("ix_emails_app_id_id", "emails", ["app_id", "id"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("answer", JSON, nullable=True),
        sa.Column("expires_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_idempotency_keys_app_id"),
        sa.PrimaryKeyConstraint("app_id", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"], unique=False)

    op.create_table(
        "recipients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("sender_domain", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=3), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("due_at", UTC, nullable=False),
        sa.Column("expires_at", UTC, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", UTC, nullable=True),
        sa.Column("ses_message_id", sa.String(length=128), nullable=True),
        sa.Column("possible_duplicate", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("unconfirmed_since", UTC, nullable=True),
        sa.Column("opened_at", UTC, nullable=True),
        sa.Column("clicked_at", UTC, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_recipients_app_id"),
        sa.ForeignKeyConstraint(["email_id"], ["emails.id"], name="fk_recipients_email_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recipients"),
        sa.UniqueConstraint("ses_message_id", name="uq_recipients_ses_message_id"),
    )
    op.create_index(
        "ix_recipients_due",
        "recipients",
        ["lane", "app_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state in ('scheduled', 'queued', 'retry_wait')"),
        sqlite_where=sa.text("state in ('scheduled', 'queued', 'retry_wait')"),
    )
    op.create_index("ix_recipients_email_id_position", "recipients", ["email_id", "position"], unique=False)
    op.create_index("ix_recipients_key", "recipients", ["key"], unique=False)
    op.create_index(
        "ix_recipients_unconfirmed_since",
        "recipients",
        ["unconfirmed_since"],
        unique=False,
        postgresql_where=sa.text("state = 'unconfirmed'"),
        sqlite_where=sa.text("state = 'unconfirmed'"),
    )
    op.create_index(
        "ix_recipients_lease_until",
        "recipients",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )

    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.String(length=16), nullable=True),
        sa.Column("ses_message_id", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("ended_at", UTC, nullable=True),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name="fk_attempts_recipient_id"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_started_at", "attempts", ["started_at"], unique=False)
    op.create_index("ix_attempts_recipient_id_started_at", "attempts", ["recipient_id", "started_at"], unique=False)
    op.create_index("ix_attempts_ses_message_id", "attempts", ["ses_message_id"], unique=False)

    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("feedback_id", sa.Uuid(), nullable=True),
        sa.Column("recipient_id", sa.Uuid(), nullable=True),
        sa.Column("ses_message_id", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("key", sa.String(length=320), nullable=True),
        sa.Column("dedup", sa.String(length=160), nullable=False),
        sa.Column("occurred_at", UTC, nullable=False),
        sa.Column("mail_sent_at", UTC, nullable=True),
        sa.Column("counts_against", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_events_feedback_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name="fk_events_recipient_id"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("ses_message_id", "type", "dedup", name="uq_events_ses_message_id_type_dedup"),
    )
    op.create_index("ix_events_key_type_occurred_at", "events", ["key", "type", "occurred_at"], unique=False)
    op.create_index("ix_events_recipient_id", "events", ["recipient_id"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        # A sealed body does not compress: without this PostgreSQL would try each time.
        op.execute("ALTER TABLE emails ALTER COLUMN sealed_body SET STORAGE EXTERNAL")


def downgrade() -> None:

    op.drop_table("events")

    op.drop_table("attempts")

    op.drop_table("recipients")

    op.drop_table("idempotency_keys")

    op.drop_table("emails")

    op.drop_table("api_keys")

    op.drop_table("suppressions")
    op.drop_table("incidents")

    op.drop_table("heartbeats")

    op.drop_table("feedback")
    op.drop_table("circuits")

    op.drop_table("audit")
    op.drop_table("apps")
