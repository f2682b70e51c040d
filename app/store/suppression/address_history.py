"""What is known of one address besides the list: SES's own list as last read, and what SES reported, with whose mail.

It only reads. What an application may see of it is decided by `app.services.explain`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.store.models import emails, events, recipients, reviews, ses_suppressions

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtSes:
    """One entry of SES's own list as last read, in SES's spelling; `reason` is `BOUNCE` or `COMPLAINT`."""

    address: str
    reason: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One event about the address, and the mail that it is about, if it is one of ours."""

    type: str
    occurred_at: datetime
    detail: str
    effect: str
    data: Json
    email_id: UUID | None
    app_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Many addresses of one domain bounced at once, and a person has yet to decide, or has."""

    id: UUID
    domain: str
    opened_at: datetime
    decided_at: datetime | None


def at_ses(connection: Connection, key: str) -> tuple[AtSes, ...]:
    """How SES's own list has the address, in each spelling."""
    columns = [ses_suppressions.c[name] for name in AtSes.__dataclass_fields__]
    query = select(*columns).where(ses_suppressions.c.key == key).order_by(ses_suppressions.c.address)
    return tuple(AtSes(**row) for row in connection.execute(query).mappings())


def heard(connection: Connection, keys: Iterable[str], *, limit: int = 200) -> tuple[Heard, ...]:
    """The newest events about the address under any of these names, newest first."""
    named = [events.c[name] for name in ("type", "occurred_at", "detail", "effect", "data")]
    query = (
        select(*named, recipients.c.email_id, recipients.c.app_id)
        .join(recipients, recipients.c.id == events.c.recipient_id, isouter=True)
        .where(events.c.key.in_(list(keys)))
        .order_by(events.c.occurred_at.desc(), events.c.id.desc())
        .limit(limit)
    )
    return tuple(Heard(**row) for row in connection.execute(query).mappings())


def apps_of(connection: Connection, email_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Which application each of these mails is of; a mail that there is not is left out."""
    query = select(emails.c.id, emails.c.app_id).where(emails.c.id.in_(list(email_ids)))
    return {row.id: row.app_id for row in connection.execute(query)}


def reviews_of(connection: Connection, review_ids: Iterable[UUID]) -> tuple[Review, ...]:
    """These reviews."""
    columns = [reviews.c[name] for name in Review.__dataclass_fields__]
    query = select(*columns).where(reviews.c.id.in_(list(review_ids))).order_by(reviews.c.opened_at)
    return tuple(Review(**row) for row in connection.execute(query).mappings())
