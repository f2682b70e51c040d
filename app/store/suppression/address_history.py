"""What is known of one address besides the list: SES's own list as last read, and reported events.

It only reads. What an application may see of it is decided by `app.services.suppression.explanation.explain`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.store.sending.recipients import ids_by_message
from app.store.tables.core import emails, events, recipients, reviews, ses_suppressions

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtSes:
    """One entry of SES's own list as last read, in SES's spelling; `reason` is `BOUNCE` or `COMPLAINT`."""

    address: str
    reason: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressEvent:
    """One event about the address, and its email if that is one of ours."""

    type: str
    occurred_at: datetime
    detail: str
    effect: str
    data: Json
    email_id: UUID | None
    app_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review: many addresses of one domain bounced at once, and a person has yet to decide, or has decided."""

    id: UUID
    domain: str
    opened_at: datetime
    decided_at: datetime | None


def at_ses(connection: Connection, key: str) -> tuple[AtSes, ...]:
    """The entries of the address on SES's own list, one for each spelling."""
    columns = [ses_suppressions.c[name] for name in AtSes.__dataclass_fields__]
    query = select(*columns).where(ses_suppressions.c.key == key).order_by(ses_suppressions.c.address)
    return tuple(AtSes(**row) for row in connection.execute(query).mappings())


def recent_events(connection: Connection, keys: Iterable[str], *, limit: int = 200) -> tuple[AddressEvent, ...]:
    """The newest events about the address under any of these names, newest first."""
    named = [events.c[name] for name in ("type", "occurred_at", "detail", "effect", "data")]
    order = (events.c.occurred_at.desc(), events.c.id.desc())
    # One query for each name: for several at once the database would read and sort all events.
    newest = [select(events.c.id).where(events.c.key == key).order_by(*order).limit(limit) for key in keys]
    ids = [event_id for one in newest for event_id in connection.scalars(one)]
    query = (
        select(*named, recipients.c.email_id, recipients.c.app_id)
        .join(recipients, recipients.c.id == events.c.recipient_id, isouter=True)
        .where(events.c.id.in_(ids))
        .order_by(*order)
        .limit(limit)
    )
    return tuple(AddressEvent(**row) for row in connection.execute(query).mappings())


def apps_of(connection: Connection, email_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The application of each of these emails; unknown emails are left out."""
    query = select(emails.c.id, emails.c.app_id).where(emails.c.id.in_(list(email_ids)))
    return {row.id: row.app_id for row in connection.execute(query)}


def apps_of_messages(connection: Connection, ses_message_ids: Collection[str]) -> dict[str, UUID]:
    """The application of the email with each of these SES message ids; unknown ids are left out."""
    known = ids_by_message(connection, ses_message_ids)
    query = select(recipients.c.id, recipients.c.app_id).where(recipients.c.id.in_(list(known.values())))
    owners = {row.id: row.app_id for row in connection.execute(query)}
    return {name: owners[recipient_id] for name, recipient_id in known.items() if recipient_id in owners}


def reviews_of(connection: Connection, review_ids: Iterable[UUID]) -> tuple[Review, ...]:
    """These reviews."""
    columns = [reviews.c[name] for name in Review.__dataclass_fields__]
    query = select(*columns).where(reviews.c.id.in_(list(review_ids))).order_by(reviews.c.opened_at)
    return tuple(Review(**row) for row in connection.execute(query).mappings())
