"""The one table of the tutorial."""

import os
from datetime import UTC, datetime

from sqlalchemy import DateTime, String, Text, UniqueConstraint, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

engine = create_engine(os.environ["TUTORIAL_DATABASE_URL"], pool_size=20, max_overflow=40)
make_session = sessionmaker(engine)


def now() -> datetime:
    """Its clock."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Its metadata."""


class Email(Base):
    """One mail."""

    __tablename__ = "mails"
    __table_args__ = (UniqueConstraint("app", "idempotency_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    app: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(256))
    sender: Mapped[str] = mapped_column(String(320))
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="queued", index=True)
    ses_message_id: Mapped[str | None] = mapped_column(String(128), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
