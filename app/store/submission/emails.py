"""Mails as submitted: add them with their recipients, read one, page through many.

It knows rows. It never opens a body, commits, or decides a state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, insert, literal, select, update

from app.domain.delivery import State
from app.domain.proof import OnUnconfirmed
from app.store.db import now
from app.store.models import apps, emails, recipients
from app.store.sealing import Sealed

_ADD_EMAILS = insert(emails).values(created_at=now())
_ADD_LATER = insert(recipients).values(created_at=now(), updated_at=now())
_ADD_AT_ONCE = _ADD_LATER.values(due_at=now())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    """One address of a new mail. `due_at` None means now, by the database's clock."""

    id: UUID
    kind: str
    name: str | None
    address: str
    key: str
    pseudonym: str
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEmail:
    """One submission, its body sealed."""

    id: UUID
    app_id: UUID
    stream: str
    scope: str
    lane: str
    sender: str
    sender_name: str | None
    sender_domain: str
    reply_to: tuple[tuple[str | None, str], ...]
    subject: str
    headers: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    body: Sealed
    on_unconfirmed: OnUnconfirmed
    scheduled_at: datetime | None
    expires_at: datetime | None
    recipients: tuple[NewRecipient, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """One submission as stored."""

    id: UUID
    app_id: UUID
    app: str
    stream: str
    lane: str
    sender: str
    sender_name: str | None
    reply_to: tuple[tuple[str | None, str], ...]
    subject: str | None
    headers: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    body: Sealed | None
    on_unconfirmed: OnUnconfirmed
    scheduled_at: datetime | None
    expires_at: datetime | None
    created_at: datetime


def add(connection: Connection, new: Sequence[NewEmail]) -> None:
    """Insert mails and their recipients with a statement for each kind of row, which the driver repeats as a stream.

    Against one statement over arrays that costs a single mail half the CPU, and a hundred of them no more.
    """
    rows = [
        _recipient_values(email, position, recipient)
        for email in new
        for position, recipient in enumerate(email.recipients)
    ]
    at_once = [
        {name: value for name, value in row.items() if name != "due_at"} for row in rows if row["due_at"] is None
    ]
    later = [row for row in rows if row["due_at"] is not None]
    for statement, given in (
        (_ADD_EMAILS, [_email_values(email) for email in new]),
        (_ADD_AT_ONCE, at_once),
        (_ADD_LATER, later),
    ):
        if given:
            connection.execute(statement, given)


def find(connection: Connection, email_id: UUID, *, app_id: UUID | None) -> Email | None:
    """One mail of this application; of any application when `app_id` is None."""
    row = connection.execute(_owned(_whole(), app_id).where(emails.c.id == email_id)).one_or_none()
    return _email(row) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which mails to list.

    `key` is a suppression key. `states`: some recipient is in one of them; `without`: none is in one of these. `opened`
    and `clicked` ask it of that same recipient; None does not ask.
    """

    app_id: UUID | None = None
    key: str | None = None
    states: frozenset[State] | None = None
    without: frozenset[State] = frozenset()
    opened: bool | None = None
    clicked: bool | None = None
    tag: tuple[str, str] | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(
    connection: Connection, wanted: Filter, *, limit: int, after: UUID | None, before: UUID | None
) -> tuple[Email, ...]:
    """Up to `limit` mails, newest first: those older than `after`, or the nearest ones newer than `before`."""
    query = _filtered(_owned(_heads(), wanted.app_id), wanted)
    if before is not None:
        query = query.where(emails.c.id > before).order_by(emails.c.id)
    else:
        query = query.order_by(emails.c.id.desc())
    if after is not None:
        query = query.where(emails.c.id < after)
    found = [_email(row) for row in connection.execute(query.limit(limit))]
    return tuple(reversed(found) if before is not None else found)


def reschedule(connection: Connection, email_id: UUID, *, scheduled_at: datetime) -> None:
    """Note the new time on the mail; its recipients are moved by the caller."""
    connection.execute(update(emails).where(emails.c.id == email_id).values(scheduled_at=scheduled_at))


def erase_bodies(connection: Connection, *, ended_before: datetime, limit: int) -> int:
    """Erase body, key and subject of mails all of whose recipients ended before a time; how many."""
    open_states = [State.SCHEDULED, State.QUEUED, State.SENDING, State.RETRY_WAIT, State.UNCONFIRMED, State.HELD]
    still_needed = (
        select(literal(1))
        .where(recipients.c.email_id == emails.c.id)
        .where(recipients.c.state.in_(open_states) | (recipients.c.updated_at >= ended_before))
        .exists()
    )
    spent = (
        select(emails.c.id)
        .where(emails.c.sealed_key.is_not(None), emails.c.created_at < ended_before, ~still_needed)
        .order_by(emails.c.id)
        .limit(limit)
    )
    erased = update(emails).where(emails.c.id.in_(spent)).values(sealed_body=None, sealed_key=None, subject=None)
    return connection.execute(erased).rowcount


def _heads() -> Select[Any]:
    columns = [column for column in emails.c if column.name not in {"sealed_body", "sealed_key"}]
    return select(*columns, apps.c.name.label("app")).join(apps, apps.c.id == emails.c.app_id)


def _whole() -> Select[Any]:
    return _heads().add_columns(emails.c.sealed_body, emails.c.sealed_key)


def _owned(query: Select[Any], app_id: UUID | None) -> Select[Any]:
    return query if app_id is None else query.where(emails.c.app_id == app_id)


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.stream is not None:
        conditions.append(emails.c.stream == wanted.stream)
    if wanted.since is not None:
        conditions.append(emails.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(emails.c.created_at < wanted.until)
    if wanted.tag is not None:
        conditions.append(emails.c.tags[wanted.tag[0]].as_string() == wanted.tag[1])
    some_recipient = _some_recipient(wanted)
    if some_recipient:
        conditions.append(_has_recipient(and_(*some_recipient)))
    if wanted.without:
        conditions.append(~_has_recipient(recipients.c.state.in_(sorted(wanted.without))))
    return query.where(*conditions)


def _has_recipient(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(literal(1)).where(recipients.c.email_id == emails.c.id, condition).exists()


def _some_recipient(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.key is not None:
        conditions.append(recipients.c.key == wanted.key)
    if wanted.states is not None:
        conditions.append(recipients.c.state.in_(sorted(wanted.states)))
    for column, asked in ((recipients.c.opened_at, wanted.opened), (recipients.c.clicked_at, wanted.clicked)):
        if asked is not None:
            conditions.append(column.is_not(None) if asked else column.is_(None))
    return conditions


def _email_values(email: NewEmail) -> dict[str, Any]:
    return {
        "id": email.id,
        "app_id": email.app_id,
        "stream": email.stream,
        "lane": email.lane,
        "sender": email.sender,
        "sender_name": email.sender_name,
        "reply_to": [list(pair) for pair in email.reply_to],
        "subject": email.subject,
        "headers": [list(pair) for pair in email.headers],
        "tags": dict(email.tags),
        "sealed_body": email.body.body,
        "sealed_key": email.body.key,
        "on_unconfirmed": email.on_unconfirmed,
        "scheduled_at": email.scheduled_at,
        "expires_at": email.expires_at,
    }


def _recipient_values(email: NewEmail, position: int, recipient: NewRecipient) -> dict[str, Any]:
    return {
        "id": recipient.id,
        "email_id": email.id,
        "app_id": email.app_id,
        "lane": email.lane,
        "scope": email.scope,
        "sender_domain": email.sender_domain,
        "position": position,
        "kind": recipient.kind,
        "name": recipient.name,
        "address": recipient.address,
        "key": recipient.key,
        "pseudonym": recipient.pseudonym,
        "state": recipient.state,
        "reason": recipient.reason,
        "due_at": email.scheduled_at,
        "expires_at": email.expires_at,
    }


def _email(row: Row[Any]) -> Email:
    columns = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for the mapping view
    body, key = columns.get("sealed_body"), columns.get("sealed_key")
    return Email(
        id=row.id,
        app_id=row.app_id,
        app=row.app,
        stream=row.stream,
        lane=row.lane,
        sender=row.sender,
        sender_name=row.sender_name,
        reply_to=tuple((name, address) for name, address in row.reply_to),
        subject=row.subject,
        headers=tuple((name, value) for name, value in row.headers),
        tags=tuple(row.tags.items()),
        body=Sealed(bytes(body), bytes(key)) if body is not None and key is not None else None,
        on_unconfirmed=OnUnconfirmed(row.on_unconfirmed),
        scheduled_at=row.scheduled_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
    )
