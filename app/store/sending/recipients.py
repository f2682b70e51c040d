"""Rows of recipients: read them under a lock, write them, find the one that an event is about.

Which state may follow which is decided by `app.domain.sending.state_machine`; a claim is made by
`app.store.sending.claims`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, literal, null, select

from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.store.engine.bulk_statements import Among, Update
from app.store.engine.database import now
from app.store.sending.attempts import OPEN
from app.store.tables.core import attempts, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One address of one email, and its state."""

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
    mailbox_provider: str
    state: State
    reason: str | None
    cause: str | None
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

    @property
    def is_test(self) -> bool:
        """Whether its email is only tried."""
        return self.lane == TEST_LANE


_FIELDS = tuple(Recipient.__dataclass_fields__)
COLUMNS: tuple[ColumnElement[Any], ...] = tuple(recipients.c[field] for field in _FIELDS)
"""The columns that `read` reads, in order."""

_WRITTEN = (
    "state",
    "reason",
    "cause",
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
# All columns that acceptance changes while the claim holds the email; the lease ends too.
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
_HOLD = Among(select(recipients.c.id).order_by(recipients.c.id).with_for_update(), recipients.c.id)
_EXISTING = Among(select(recipients.c.id), recipients.c.id)
_BY_MESSAGE = Among(select(recipients.c.ses_message_id, recipients.c.id), recipients.c.ses_message_id)
_BY_MESSAGE_OF_A_CALL = Among(select(attempts.c.ses_message_id, attempts.c.recipient_id), attempts.c.ses_message_id)


def of_emails(connection: Connection, email_ids: Iterable[UUID]) -> dict[UUID, tuple[Recipient, ...]]:
    """The recipients of these emails, each email's in the order given at submission."""
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
    """These recipients, locked until the transaction ends, in the order of their ids to avoid deadlocks."""
    wanted = list(ids)
    return {row.id: read(row) for row in _LOCK(connection, wanted).all()} if wanted else {}


def hold(connection: Connection, ids: Collection[UUID]) -> None:
    """Lock these recipients as `lock` does, without reading them. Not needed for less than two, or on SQLite."""
    if len(ids) > 1 and connection.dialect.name == "postgresql":
        _HOLD(connection, list(ids))


def lock_of_email(connection: Connection, email_id: UUID) -> dict[UUID, Recipient]:
    """All recipients of one email, locked."""
    return _locked(connection, select(*COLUMNS).where(recipients.c.email_id == email_id))


def lock_of_key(connection: Connection, key: str) -> dict[UUID, Recipient]:
    """All recipients of one address, locked."""
    return _locked(connection, select(*COLUMNS).where(recipients.c.key == key))


def held_of_key(connection: Connection, key: str, *, limit: int) -> tuple[UUID, ...]:
    """The recipients of one address that are held."""
    query = select(recipients.c.id).where(is_in([State.HELD]), recipients.c.key == key).limit(limit)
    return tuple(connection.scalars(query))


def lock_lapsed(connection: Connection, *, limit: int) -> dict[UUID, Recipient]:
    """Recipients whose lease ran out, without those locked by others."""
    query = select(*COLUMNS).where(is_in([State.SENDING]), recipients.c.lease_until < now())
    return _locked(connection, query.limit(limit), skip_locked=True)


def lock_expired(
    connection: Connection, *, states: frozenset[State], without: Collection[UUID] = (), limit: int
) -> dict[UUID, Recipient]:
    """Recipients in these states whose email may no longer be sent and was not, without those locked by others.

    The first that expired come first, so that a batch reads no more than itself of a long queue. Many may expire at the
    same moment, so nothing else is sorted by.
    """
    is_late = (is_in(states), recipients.c.expires_at <= now(), ~_may_have_left())
    first = select(recipients.c.id).where(*is_late).order_by(recipients.c.expires_at).limit(limit)
    if without:
        first = first.where(recipients.c.id.not_in(list(without)))
    return _locked(connection, select(*COLUMNS).where(recipients.c.id.in_(first), *is_late), skip_locked=True)


def is_in(states: Collection[State]) -> ColumnElement[bool]:
    """SQL: whether a recipient is in one of these states.

    A literal, not a bound value, and in one order: only then can the partial indexes be used.
    """
    spelled = [literal(state.value, literal_execute=True) for state in sorted(states)]
    return recipients.c.state == spelled[0] if len(spelled) == 1 else recipients.c.state.in_(spelled)


def _may_have_left() -> ColumnElement[bool]:
    is_open = attempts.c.outcome.in_(OPEN)
    return select(literal(1)).where(attempts.c.recipient_id == recipients.c.id, is_open).exists()


def _locked(connection: Connection, query: Select[Any], *, skip_locked: bool = False) -> dict[UUID, Recipient]:
    rows = connection.execute(query.order_by(recipients.c.id).with_for_update(skip_locked=skip_locked)).all()
    return {row.id: read(row) for row in rows}


def save(connection: Connection, changed: Sequence[Recipient]) -> None:
    """Write the recipients back. Each must have been read with `lock` in this transaction."""
    _SAVE(connection, [{"id": row.id} | {name: getattr(row, name) for name in _WRITTEN} for row in changed])


def save_accepted(
    connection: Connection, accepted: Sequence[Recipient], *, tokens: Mapping[UUID, UUID]
) -> frozenset[UUID]:
    """Write emails that SES accepted, if their claim still holds them. The ids of those written.

    `tokens` maps each id to its claim. As long as the claim holds a row, the row is as the claim left it, so it need
    not be read first.
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
    """Those of these recipients that exist."""
    return frozenset(_EXISTING(connection, list(recipient_ids)).scalars()) if recipient_ids else frozenset()


def in_flight(connection: Connection, key: str, *, app_id: UUID | None) -> tuple[Recipient, ...]:
    """Recipients of this address whose email may be on its way to SES now; of one application, or of all."""
    of_address = [recipients.c.key == key, *([] if app_id is None else [recipients.c.app_id == app_id])]
    found = [
        read(row)
        for state in (State.SENDING, State.UNCONFIRMED)
        for row in connection.execute(select(*COLUMNS).where(*of_address, is_in([state])))
    ]
    return tuple(sorted(found, key=lambda one: one.id))


def read(row: Sequence[Any]) -> Recipient:
    """A recipient from a row that begins with `COLUMNS`."""
    values = dict(zip(_FIELDS, row, strict=False))
    values["state"] = State(values["state"])
    return Recipient(**values)
