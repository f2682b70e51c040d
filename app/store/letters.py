"""What a worker has to read of the mails that it has claimed, to write the letters: no more, since it reads much of it.

It knows rows. It never opens a body.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, select

from app.store.bulk import Among
from app.store.models import emails, recipients, streams
from app.store.sealing import Sealed


@dataclass(frozen=True, slots=True)
class Named:
    """One whom a mail names, bcc included."""

    kind: str
    name: str | None
    address: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One mail as submitted. `body` is None once it was erased; `has_link` says that its stream is of that kind."""

    id: UUID
    sender: str
    sender_name: str | None
    reply_to: tuple[tuple[str | None, str], ...]
    subject: str | None
    headers: tuple[tuple[str, str], ...]
    body: Sealed | None
    created_at: datetime
    has_link: bool
    named: tuple[Named, ...]


_MAILS = Among(
    select(
        emails.c.id,
        emails.c.sender,
        emails.c.sender_name,
        emails.c.reply_to,
        emails.c.subject,
        emails.c.headers,
        emails.c.sealed_body,
        emails.c.sealed_key,
        emails.c.created_at,
        func.coalesce(streams.c.unsubscribe, False).label("has_link"),
    ).outerjoin(streams, and_(streams.c.app_id == emails.c.app_id, streams.c.name == emails.c.stream)),
    emails.c.id,
)
_NAMED = Among(
    select(recipients.c.email_id, *(recipients.c[field] for field in Named.__dataclass_fields__)).order_by(
        recipients.c.email_id, recipients.c.position
    ),
    recipients.c.email_id,
)


def drafts(connection: Connection, email_ids: Sequence[UUID]) -> list[Draft]:
    """These mails, whoever owns them, each with those whom it names in the order given at submission."""
    named: defaultdict[UUID, list[Named]] = defaultdict(list)
    for row in _NAMED(connection, email_ids).all():
        named[row.email_id].append(Named(row.kind, row.name, row.address, row.key))
    return [_draft(row, tuple(named[row.id])) for row in _MAILS(connection, email_ids).all()]


def _draft(row: Sequence[Any], named: tuple[Named, ...]) -> Draft:
    id_, sender, sender_name, reply_to, subject, headers, body, key, created_at, has_link = row
    return Draft(
        id=id_,
        sender=sender,
        sender_name=sender_name,
        reply_to=tuple((name, address) for name, address in reply_to),
        subject=subject,
        headers=tuple((name, value) for name, value in headers),
        body=Sealed(bytes(body), bytes(key)) if body is not None and key is not None else None,
        created_at=created_at,
        has_link=bool(has_link),
        named=named,
    )
