"""Rows of emails: add them with their recipients, read some of them, erase their bodies.

It never opens a body, commits, or decides a state.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, insert, literal, select, tuple_, update

from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.store.engine.database import now
from app.store.submission.sealing import Sealed
from app.store.submission.tags import read_tags, stored_tags
from app.store.tables.core import apps, emails, recipients

_ADD_EMAILS = insert(emails).values(created_at=now())
_ADD_LATER = insert(recipients).values(created_at=now(), updated_at=now())
_ADD_AT_ONCE = _ADD_LATER.values(due_at=now())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    """One address of a new email. `due_at` None means now, by the database's clock."""

    id: UUID
    kind: str
    name: str | None
    address: str
    key: str
    pseudonym: str
    mailbox_provider: str
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
    actor: str | None = None
    reference: str | None = None
    supersedes: str | None = None
    request_id: UUID | None = None
    body: Sealed
    on_unconfirmed: OnUnconfirmed
    scheduled_at: datetime | None
    expires_at: datetime | None
    recipients: tuple[NewRecipient, ...]

    @property
    def is_test(self) -> bool:
        """Whether it is only tried."""
        return self.lane == TEST_LANE


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
    actor: str | None
    reference: str | None
    supersedes: str | None
    request_id: UUID | None
    body: Sealed | None
    erased_at: datetime | None
    on_unconfirmed: OnUnconfirmed
    scheduled_at: datetime | None
    expires_at: datetime | None
    created_at: datetime


def add(connection: Connection, new: Sequence[NewEmail]) -> None:
    """Insert emails and their recipients with a statement for each kind of row, which the driver repeats as a stream.

    Compared with one statement over arrays, this costs a single email half the CPU, and a hundred of them no more.
    """
    rows = [
        recipient_values(email, position, recipient)
        for email in new
        for position, recipient in enumerate(email.recipients)
    ]
    at_once = [
        {name: value for name, value in row.items() if name != "due_at"} for row in rows if row["due_at"] is None
    ]
    later = [row for row in rows if row["due_at"] is not None]
    for statement, given in (
        (_ADD_EMAILS, [email_values(email) for email in new]),
        (_ADD_AT_ONCE, at_once),
        (_ADD_LATER, later),
    ):
        if given:
            connection.execute(statement, given)


def find(connection: Connection, email_id: UUID, *, app_id: UUID | None) -> Email | None:
    """One email of this application, or of any application if `app_id` is None."""
    row = connection.execute(_owned(_whole(), app_id).where(emails.c.id == email_id)).one_or_none()
    return _email(row) if row else None


def reschedule(connection: Connection, email_id: UUID, *, scheduled_at: datetime) -> None:
    """Store the new time in the email; the caller moves its recipients."""
    connection.execute(update(emails).where(emails.c.id == email_id).values(scheduled_at=scheduled_at))


def lock_body(connection: Connection, email_id: UUID) -> bool:
    """Whether the body of an email exists. It stays as it is until the transaction ends."""
    query = select(emails.c.sealed_key.is_not(None)).where(emails.c.id == email_id).with_for_update(key_share=True)
    return bool(connection.scalar(query))


def recipients_with_key(
    connection: Connection, app_id: UUID, supersedes: str, *, is_test: bool, states: Collection[State], newest: int
) -> tuple[UUID, ...]:
    """The recipients in one of these states of the newest emails of the application that came with this key.

    They are test emails, or none of them is.
    """
    of_mode = emails.c.lane == TEST_LANE if is_test else emails.c.lane != TEST_LANE
    with_key = (
        select(emails.c.id)
        .where(emails.c.app_id == app_id, emails.c.supersedes == supersedes, of_mode)
        .order_by(emails.c.id.desc())
        .limit(newest)
        .subquery()
    )
    query = select(recipients.c.id).join(with_key, with_key.c.id == recipients.c.email_id)
    return tuple(connection.scalars(query.where(recipients.c.state.in_(sorted(states)))))


@dataclass(frozen=True, slots=True)
class ErasedBodies:
    """How many bodies a batch has erased, and the last email it looked at; None if there are no more."""

    erased: int
    last: tuple[datetime, UUID] | None


def erase_bodies(
    connection: Connection, *, ended_before: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> ErasedBodies:
    """Erase body, key and subject of those of the next `limit` emails whose recipients all ended before a time.

    It looks at emails that still have a body and starts behind `after`, so emails still in use do not block others.
    They are locked first and checked again then, since an email may have been resent meanwhile.
    """
    open_states = [State.SCHEDULED, State.QUEUED, State.SENDING, State.RETRY_WAIT, State.UNCONFIRMED, State.HELD]
    still_needed = (
        select(literal(1))
        .where(recipients.c.email_id == emails.c.id)
        .where(recipients.c.state.in_(open_states) | (recipients.c.updated_at >= ended_before))
        .exists()
    )
    place = (emails.c.created_at, emails.c.id)
    old = select(*place).where(emails.c.sealed_key.is_not(None), emails.c.created_at < ended_before)
    if after is not None:
        last = (literal(after[0], emails.c.created_at.type), literal(after[1], emails.c.id.type))
        old = old.where(tuple_(*place) > tuple_(*last))
    found = connection.execute(
        old.order_by(*place).limit(limit).with_for_update(key_share=True, skip_locked=True)
    ).all()
    if not found:
        return ErasedBodies(0, None)
    # A separate statement: in one, the planner reads all recipients to see which bodies are needed.
    are_found = emails.c.id.in_([row.id for row in found])
    nothing = {"sealed_body": None, "sealed_key": None, "subject": None, "erased_at": now()}
    erased = update(emails).where(are_found, ~still_needed).values(nothing)
    return ErasedBodies(connection.execute(erased).rowcount, (found[-1].created_at, found[-1].id))


def of_ids(connection: Connection, email_ids: Sequence[UUID]) -> tuple[Email, ...]:
    """These emails without their bodies, newest first."""
    query = _heads().where(emails.c.id.in_(email_ids)).order_by(emails.c.id.desc())
    return tuple(_email(row) for row in connection.execute(query)) if email_ids else ()


def _heads() -> Select[Any]:
    columns = [column for column in emails.c if column.name not in {"sealed_body", "sealed_key"}]
    return select(*columns, apps.c.name.label("app")).join(apps, apps.c.id == emails.c.app_id)


def _whole() -> Select[Any]:
    return _heads().add_columns(emails.c.sealed_body, emails.c.sealed_key)


def _owned(query: Select[Any], app_id: UUID | None) -> Select[Any]:
    return query if app_id is None else query.where(emails.c.app_id == app_id)


def email_values(email: NewEmail) -> dict[str, Any]:
    """The columns of an email, but for its time."""
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
        "tags": stored_tags(email.tags),
        "actor": email.actor,
        "reference": email.reference,
        "supersedes": email.supersedes,
        "request_id": email.request_id,
        "sealed_body": email.body.body,
        "sealed_key": email.body.key,
        "on_unconfirmed": email.on_unconfirmed,
        "scheduled_at": email.scheduled_at,
        "expires_at": email.expires_at,
    }


def recipient_values(email: NewEmail, position: int, recipient: NewRecipient) -> dict[str, Any]:
    """The columns of a recipient, but for its times."""
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
        "mailbox_provider": recipient.mailbox_provider,
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
        tags=read_tags(row.tags),
        actor=row.actor,
        reference=row.reference,
        supersedes=row.supersedes,
        request_id=row.request_id,
        body=Sealed(bytes(body), bytes(key)) if body is not None and key is not None else None,
        erased_at=row.erased_at,
        on_unconfirmed=OnUnconfirmed(row.on_unconfirmed),
        scheduled_at=row.scheduled_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
    )
