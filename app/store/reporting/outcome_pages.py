"""The rows behind outcomes: emails that pass a filter with all their recipients, and counts of recipients by state.

`app.store.submission.email_pages` finds the emails, from an index for each filter. Nothing here decides an outcome.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from app.domain.sending.state_machine import State
from app.store.engine.bulk_statements import Among
from app.store.sending.recipients import Recipient, of_emails
from app.store.submission import email_pages
from app.store.submission.email_filter import Filter
from app.store.submission.emails import Email
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


def page(
    connection: Connection,
    wanted: Sequence[Filter],
    *,
    limit: int,
    after: UUID | None = None,
    before: UUID | None = None,
) -> tuple[Sent, ...]:
    """Up to `limit` emails, newest first, as `email_pages.page` has them; with `wanted` empty there are none."""
    if not wanted:
        return ()
    found = email_pages.page(connection, wanted, limit=limit, after=after, before=before)
    named = of_emails(connection, [email.id for email in found])
    return tuple(Sent(email, named[email.id]) for email in found)


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
