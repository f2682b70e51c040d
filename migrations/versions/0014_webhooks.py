"""Webhooks: the endpoints of applications and their secrets, the outbox, its deliveries, and each call."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"

TABLES = ("webhook_endpoints", "webhook_secrets", "webhook_messages", "webhook_deliveries", "webhook_attempts")
STRUCTURED = sa.JSON().with_variant(JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)
ENABLED = sa.text("disabled_at is null and deleted_at is null")
WAITING = sa.text("state = 'waiting'")
OF_RECIPIENT = sa.text("recipient_id is not null")


def upgrade() -> None:
    create_endpoints()
    create_secrets()
    create_messages()
    create_deliveries()
    create_attempts()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("app_id", sa.Uuid, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", STRUCTURED, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("failing_since", INSTANT),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("lease_token", sa.Uuid),
        sa.Column("lease_until", INSTANT),
        sa.Column("disabled_at", INSTANT),
        sa.Column("disabled_why", sa.Text),
        sa.Column("deleted_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_webhook_endpoints_app_id"),
    )
    op.create_index("ix_webhook_endpoints_app_id_id", "webhook_endpoints", ["app_id", "id"])
    op.create_index(
        "ix_webhook_endpoints_due_at", "webhook_endpoints", ["due_at"], postgresql_where=ENABLED, sqlite_where=ENABLED
    )


def create_secrets() -> None:
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("endpoint_id", sa.Uuid, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_secrets"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name="fk_webhook_secrets_endpoint_id"),
    )
    op.create_index("ix_webhook_secrets_endpoint_id", "webhook_secrets", ["endpoint_id"])


def create_messages() -> None:
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("app_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("email_id", sa.Uuid),
        sa.Column("recipient_id", sa.Uuid),
        sa.Column("suppression_id", sa.Uuid),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("facts", STRUCTURED, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_messages"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_webhook_messages_app_id"),
    )
    op.create_index(
        "ix_webhook_messages_recipient_id_sequence",
        "webhook_messages",
        ["recipient_id", "sequence"],
        postgresql_where=OF_RECIPIENT,
        sqlite_where=OF_RECIPIENT,
    )


def create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("endpoint_id", sa.Uuid, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("about_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("tries", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name="fk_webhook_deliveries_endpoint_id"),
        sa.ForeignKeyConstraint(["message_id"], ["webhook_messages.id"], name="fk_webhook_deliveries_message_id"),
    )
    op.create_index("ix_webhook_deliveries_message_id", "webhook_deliveries", ["message_id"])
    for name, columns in (
        ("ix_webhook_deliveries_due", ["endpoint_id", "due_at", "id"]),
        ("ix_webhook_deliveries_about", ["about_id", "endpoint_id"]),
    ):
        op.create_index(name, "webhook_deliveries", columns, postgresql_where=WAITING, sqlite_where=WAITING)
    op.create_index("ix_webhook_deliveries_endpoint_id_id", "webhook_deliveries", ["endpoint_id", "id"])
    op.create_index("ix_webhook_deliveries_endpoint_id_state_id", "webhook_deliveries", ["endpoint_id", "state", "id"])


def create_attempts() -> None:
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("delivery_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("response", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_attempts"),
        sa.ForeignKeyConstraint(["delivery_id"], ["webhook_deliveries.id"], name="fk_webhook_attempts_delivery_id"),
    )
    op.create_index("ix_webhook_attempts_delivery_id", "webhook_attempts", ["delivery_id"])
