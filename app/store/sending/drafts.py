"""What a worker reads of claimed emails to build the messages: no more than needed, since it reads many.

It knows rows. It never opens a body.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, and_, case, func, select

from app.store.engine.bulk_statements import Among
from app.store.submission.sealing import Sealed
from app.store.tables.core import emails, recipients, streams


@dataclass(frozen=True, slots=True)
class Named:
    """One recipient of an email, bcc included."""

    kind: str
    name: str | None
    address: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One email as submitted. `body` is None once it was erased; `has_link`: its stream has unsubscribe links."""

    id: UUID
    sender: str
    sender_name: str | None
    reply_to: tuple[tuple[str | None, str], ...]
    subject: str | None
    headers: tuple[tuple[str, str], ...]
    body: Sealed | None
    created_at: datetime
    request_id: UUID | None
    scheduled_at: datetime | None
    has_link: bool
    named: tuple[Named, ...]


def _once(column: Column[Any]) -> ColumnElement[Any]:
    """Long columns only come with the first recipient of an email, and not again with each of the others."""
    return case((recipients.c.position == 0, column)).label(column.name)


_NAMED = tuple(Named.__dataclass_fields__)
_DRAFTS = Among(
    select(
        emails.c.id,
        emails.c.sender,
        emails.c.sender_name,
        _once(emails.c.reply_to),
        emails.c.subject,
        _once(emails.c.headers),
        _once(emails.c.sealed_body),
        _once(emails.c.sealed_key),
        emails.c.created_at,
        emails.c.request_id,
        emails.c.scheduled_at,
        func.coalesce(streams.c.unsubscribe, False).label("has_link"),
        *(recipients.c[field] for field in _NAMED),
    )
    .join(recipients, recipients.c.email_id == emails.c.id)
    .outerjoin(streams, and_(streams.c.app_id == emails.c.app_id, streams.c.name == emails.c.stream))
    .order_by(recipients.c.email_id, recipients.c.position),
    emails.c.id,
)


def drafts(connection: Connection, email_ids: Collection[UUID]) -> list[Draft]:
    """These emails of any application, each with its recipients in the order given at submission."""
    rows = _DRAFTS(connection, list(email_ids)).all() if email_ids else []
    return [_draft(list(of_email)) for _, of_email in groupby(rows, key=itemgetter(0))]


def _draft(rows: Sequence[Sequence[Any]]) -> Draft:
    id_, sender, name, reply_to, subject, headers, body, key, created_at, request_id, later, has_link, *_ = rows[0]
    return Draft(
        id=id_,
        sender=sender,
        sender_name=name,
        reply_to=tuple((one, address) for one, address in reply_to),
        subject=subject,
        headers=tuple((header, value) for header, value in headers),
        body=Sealed(bytes(body), bytes(key)) if body is not None and key is not None else None,
        created_at=created_at,
        request_id=request_id,
        scheduled_at=later,
        has_link=bool(has_link),
        named=tuple(Named(*row[-len(_NAMED) :]) for row in rows),
    )
