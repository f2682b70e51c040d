"""Emails whole, as they are archived: the row of each with its recipients, their attempts and their events.

What is sealed is left out: an email is archived once its body is erased.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select

from app.store.engine.bulk_statements import Among
from app.store.tables.core import attempts, emails, events, recipients

Json = dict[str, Any]

_EMAILS: Final = Among(
    select(*(column for column in emails.c if not column.name.startswith("sealed_"))).order_by(emails.c.id), emails.c.id
)
_RECIPIENTS: Final = Among(select(recipients).order_by(recipients.c.id), recipients.c.email_id)
_ATTEMPTS: Final = Among(select(attempts).order_by(attempts.c.id), attempts.c.recipient_id)
_EVENTS: Final = Among(select(events).order_by(events.c.id), events.c.recipient_id)
_LOCK: Final = Among(select(recipients.c.id).order_by(recipients.c.id).with_for_update(), recipients.c.email_id)
_THERE: Final = Among(select(emails.c.id), emails.c.id)


def read(connection: Connection, email_ids: Collection[UUID]) -> Iterator[Json]:
    """Each of these emails that is still there, the oldest first."""
    if not email_ids:
        return
    people = _by(connection, _RECIPIENTS, list(email_ids), "email_id")
    ids = [one["id"] for of_email in people.values() for one in of_email]
    calls, told = (_by(connection, query, ids, "recipient_id") for query in (_ATTEMPTS, _EVENTS))
    for row in _EMAILS(connection, list(email_ids)).mappings().all():
        own = [one | {"calls": calls[one["id"]], "events": told[one["id"]]} for one in people[row["id"]]]
        yield {**row, "recipients": own}


def all_are_there(connection: Connection, email_ids: Sequence[UUID]) -> bool:
    """Whether none of these emails was deleted; a transaction that is at it ends first."""
    _LOCK(connection, email_ids)
    return len(_THERE(connection, email_ids).all()) == len(email_ids)


def _by(connection: Connection, query: Among, given: Sequence[UUID], column: str) -> defaultdict[UUID, list[Json]]:
    found: defaultdict[UUID, list[Json]] = defaultdict(list)
    for row in query(connection, given).mappings() if given else ():
        found[row[column]].append(dict(row))
    return found
