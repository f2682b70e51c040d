"""The rows behind outcomes: emails with all their recipients, what a fate follows from, and counts by state.

`app.store.submission.email_pages` finds the emails, from an index for each filter. Nothing here decides an outcome.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from app.domain.sending.state_machine import State
from app.store.engine.bulk_statements import Among
from app.store.sending.recipients import Recipient, of_emails
from app.store.submission.emails import Email, of_ids
from app.store.tables.core import recipients

_CHUNK: Final = 500
_COUNTED = select(recipients.c.state, func.count()).group_by(recipients.c.state)
_BY_STATE: Final = Among(_COUNTED, recipients.c.email_id)
_BY_STATE_OF_KEY: Final = Among(_COUNTED.where(recipients.c.key == bindparam("key")), recipients.c.email_id)


@dataclass(frozen=True, slots=True)
class Sent:
    """An email and its recipients, in the order of the submission."""

    email: Email
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class FateRow:
    """What the fate of a recipient follows from, and its email. To read it costs an eighth of a whole row."""

    email_id: UUID
    key: str
    state: State
    reason: str | None
    cause: str | None
    opened_at: datetime | None
    clicked_at: datetime | None


_FATES: Final = Among(select(*(recipients.c[name] for name in FateRow.__dataclass_fields__)), recipients.c.email_id)


def sent(connection: Connection, email_ids: Sequence[UUID]) -> tuple[Sent, ...]:
    """These emails, newest first."""
    if not email_ids:
        return ()
    named = of_emails(connection, email_ids)
    return tuple(Sent(email, named[email.id]) for email in of_ids(connection, email_ids))


def fates(connection: Connection, email_ids: Sequence[UUID]) -> Iterator[FateRow]:
    """The recipients of these emails, in any order."""
    if not email_ids:
        return
    for email_id, key, state, *others in _FATES(connection, email_ids):
        yield FateRow(email_id, key, State(state), *others)


def email_of(connection: Connection, recipient_id: UUID, *, app_id: UUID | None) -> UUID | None:
    """The email of a recipient of this application, or of any if `app_id` is None."""
    query = select(recipients.c.email_id).where(recipients.c.id == recipient_id)
    return connection.scalar(query if app_id is None else query.where(recipients.c.app_id == app_id))


def count_states(connection: Connection, email_ids: Sequence[UUID], *, key: str | None) -> Counter[State]:
    """How many recipients of these emails are in each state; with `key` only those of that address."""
    counts: Counter[State] = Counter()
    for start in range(0, len(email_ids), _CHUNK):
        chunk = email_ids[start : start + _CHUNK]
        rows = _BY_STATE(connection, chunk) if key is None else _BY_STATE_OF_KEY(connection, chunk, key=key)
        counts.update({State(state): number for state, number in rows})
    return counts
