"""The recipients of mails: read them under a lock, write what was decided, find the one that feedback is about.

It knows rows. What may follow which state is decided by `app.domain.delivery`; a claim is made by `app.store.claims`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, literal, null, select

from app.domain.delivery import State
from app.store.attempts import OPEN
from app.store.bulk import Among, Update
from app.store.db import now
from app.store.models import attempts, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One address of one mail, and where its mail stands."""

    id: UUID
    email_id: UUID
    app_id: UUID
    lane: str
    scope: str
    sender_domain: str
    kind: str
    name: str | None
    address: str
    key: str
    state: State
    reason: str | None
    due_at: datetime
    expires_at: datetime | None
    attempts: int
    lease_token: UUID | None
    lease_until: datetime | None
    ses_message_id: str | None
    possible_duplicate: bool
    unconfirmed_since: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    created_at: datetime
    updated_at: datetime


_FIELDS = tuple(Recipient.__dataclass_fields__)
COLUMNS: tuple[ColumnElement[Any], ...] = tuple(recipients.c[field] for field in _FIELDS)
"""What `read` reads, in its order."""

_WRITTEN = (
    "state",
    "reason",
    "due_at",
    "attempts",
    "lease_token",
    "lease_until",
    "ses_message_id",
    "possible_duplicate",
    "unconfirmed_since",
    "opened_at",
    "clicked_at",
)
# All that acceptance changes of a mail that its claim holds; the lease goes with it.
_WRITTEN_OF_ACCEPTED = ("state", "ses_message_id")
_SAVE = Update(recipients, _WRITTEN, stamps={"updated_at": now()})
_SAVE_ACCEPTED = Update(
    recipients,
    _WRITTEN_OF_ACCEPTED,
    stamps={"lease_token": null(), "lease_until": null(), "updated_at": now()},
    knows=("lease_token",),
    only=lambda given: recipients.c.lease_token == given["lease_token"],
)
_LOCK = Among(select(*COLUMNS).order_by(recipients.c.id).with_for_update(), recipients.c.id)
_EXISTING = Among(select(recipients.c.id), recipients.c.id)
_BY_MESSAGE = Among(select(recipients.c.ses_message_id, recipients.c.id), recipients.c.ses_message_id)
_BY_MESSAGE_OF_A_CALL = Among(select(attempts.c.ses_message_id, attempts.c.recipient_id), attempts.c.ses_message_id)


def of_emails(connection: Connection, email_ids: Iterable[UUID]) -> dict[UUID, tuple[Recipient, ...]]:
    """The recipients of these mails, each mail's in the order given at submission."""
    query = (
        select(*COLUMNS)
        .where(recipients.c.email_id.in_(list(email_ids)))
        .order_by(recipients.c.email_id, recipients.c.position)
    )
    found: dict[UUID, list[Recipient]] = {}
    for row in connection.execute(query):
        found.setdefault(row.email_id, []).append(read(row))
    return {email_id: tuple(rows) for email_id, rows in found.items()}


def lock(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """These recipients, locked until the transaction ends, in the order of their ids so that nobody deadlocks."""
    wanted = list(ids)
    return {row.id: read(row) for row in _LOCK(connection, wanted).all()} if wanted else {}


def lock_of_email(connection: Connection, email_id: UUID) -> dict[UUID, Recipient]:
    """All recipients of one mail, locked."""
    return _locked(connection, select(*COLUMNS).where(recipients.c.email_id == email_id))


def lock_of_key(connection: Connection, key: str) -> dict[UUID, Recipient]:
    """All recipients of one address, locked."""
    return _locked(connection, select(*COLUMNS).where(recipients.c.key == key))


def lock_lapsed(connection: Connection, *, limit: int) -> dict[UUID, Recipient]:
    """Recipients whose lease ran out, those that nobody else is looking at."""
    query = select(*COLUMNS).where(recipients.c.state == State.SENDING, recipients.c.lease_until < now())
    return _locked(connection, query.limit(limit), skip_locked=True)


def lock_expired(connection: Connection, *, states: frozenset[State], limit: int) -> dict[UUID, Recipient]:
    """Recipients in these states whose mail may no longer be sent and was not: those that nobody else is looking at."""
    query = select(*COLUMNS).where(
        recipients.c.state.in_(sorted(states)), recipients.c.expires_at <= now(), ~_may_have_left()
    )
    return _locked(connection, query.limit(limit), skip_locked=True)


def _may_have_left() -> ColumnElement[bool]:
    is_open = attempts.c.outcome.in_(OPEN)
    return select(literal(1)).where(attempts.c.recipient_id == recipients.c.id, is_open).exists()


def _locked(connection: Connection, query: Select[Any], *, skip_locked: bool = False) -> dict[UUID, Recipient]:
    rows = connection.execute(query.order_by(recipients.c.id).with_for_update(skip_locked=skip_locked)).all()
    return {row.id: read(row) for row in rows}


def save(connection: Connection, changed: Sequence[Recipient]) -> None:
    """Write the recipients back; each was read with `lock` in this transaction."""
    _SAVE(connection, [{"id": row.id} | {name: getattr(row, name) for name in _WRITTEN} for row in changed])


def save_accepted(
    connection: Connection, accepted: Sequence[Recipient], *, tokens: Mapping[UUID, UUID]
) -> frozenset[UUID]:
    """Write mails that SES took, of those that their claim holds still; the ids of these.

    `tokens` tells the claim of each, by its id. What its claim holds is as the claim has left it, so that nobody needs
    to read it first.
    """
    rows = [
        {"id": row.id, "lease_token": tokens[row.id]} | {name: getattr(row, name) for name in _WRITTEN_OF_ACCEPTED}
        for row in accepted
    ]
    return _SAVE_ACCEPTED.which(connection, rows)


def ids_by_message(connection: Connection, ses_message_ids: Collection[str]) -> dict[str, UUID]:
    """The recipients that SES answered with these message ids, from their rows or from any of their attempts."""
    direct = _BY_MESSAGE.pairs(connection, ses_message_ids)
    others = [one for one in ses_message_ids if one not in direct]
    return direct | _BY_MESSAGE_OF_A_CALL.pairs(connection, others)


def existing(connection: Connection, recipient_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of these recipients that there are."""
    return frozenset(_EXISTING(connection, list(recipient_ids)).scalars()) if recipient_ids else frozenset()


def in_flight(connection: Connection, key: str, *, app_id: UUID | None) -> tuple[Recipient, ...]:
    """Recipients of this address whose mail may be on its way to SES at this moment; of one application, or of all."""
    states = [State.SENDING, State.UNCONFIRMED]
    query = select(*COLUMNS).where(recipients.c.key == key, recipients.c.state.in_(states)).order_by(recipients.c.id)
    if app_id is not None:
        query = query.where(recipients.c.app_id == app_id)
    return tuple(read(row) for row in connection.execute(query))


def read(row: Sequence[Any]) -> Recipient:
    """A recipient from a row that begins with `COLUMNS`."""
    values = dict(zip(_FIELDS, row, strict=False))
    values["state"] = State(values["state"])
    return Recipient(**values)
