"""Rows of emails whose retention is over: find them, and delete them with all that belongs to them.

Events about email that is not known here belong to none, and have a retention of the same length.

Which of their events stay is decided by `app.domain.suppression.evidence`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Table, delete, func, select, update

from app.domain.feedback.events import EventType
from app.domain.sending.state_machine import WAITING
from app.domain.suppression.evidence import AddressPast, PastEvent
from app.store.engine.bulk_statements import Among
from app.store.engine.ids import CLOCKS_DIFFER_BY, first_id_of
from app.store.tables.core import attempts, emails, events, recipients, ses_suppressions, suppressions

_OF_RECIPIENTS: Final[tuple[Table, ...]] = (attempts,)
"""The tables whose rows go with their recipient, which they name by `recipient_id`."""

_ABOUT_THE_ADDRESS = (EventType.BOUNCE, EventType.COMPLAINT, EventType.DELIVERY)

_LOCK = Among(
    select(recipients.c.id, recipients.c.email_id, recipients.c.state).order_by(recipients.c.id).with_for_update(),
    recipients.c.email_id,
)
_EVENTS = Among(
    select(events.c.key, events.c.id, events.c.type, events.c.occurred_at, events.c.counts_against).where(
        events.c.type.in_(_ABOUT_THE_ADDRESS), events.c.key.is_not(None)
    ),
    events.c.recipient_id,
)
_LISTED = Among(select(suppressions.c.key).distinct(), suppressions.c.key)
_AT_SES = Among(select(ses_suppressions.c.key).distinct(), ses_suppressions.c.key)
_COUNTED = Among(
    select(events.c.key, func.min(events.c.occurred_at))
    .where(events.c.type == EventType.BOUNCE, events.c.counts_against)
    .group_by(events.c.key),
    events.c.key,
)
_DELIVERED = Among(
    select(events.c.key, func.max(events.c.occurred_at))
    .where(events.c.type == EventType.DELIVERY)
    .group_by(events.c.key),
    events.c.key,
)


@dataclass(frozen=True, slots=True)
class OldEmails:
    """Emails whose retention is over, and their recipients, locked; and the last email that was looked at."""

    emails: tuple[UUID, ...]
    recipients: tuple[UUID, ...]
    last: UUID


def lock(connection: Connection, *, accepted_before: datetime, after: UUID | None, limit: int) -> OldEmails | None:
    """Those of the next `limit` old emails that may be deleted, the oldest first; None if there are no more.

    An email whose body is kept, or that has not ended for a recipient, is not among them. An id contains its time, so
    the emails are found by their ids, and nothing else is read.
    """
    old = select(emails.c.id).where(
        emails.c.id < first_id_of(accepted_before), emails.c.created_at < accepted_before, emails.c.sealed_key.is_(None)
    )
    if after is not None:
        old = old.where(emails.c.id > after)
    found = connection.scalars(old.order_by(emails.c.id).limit(limit)).all()
    if not found:
        return None
    rows = _LOCK(connection, found).all()
    waiting = {row.email_id for row in rows if row.state in WAITING}
    return OldEmails(
        emails=tuple(email_id for email_id in found if email_id not in waiting),
        recipients=tuple(row.id for row in rows if row.email_id not in waiting),
        last=found[-1],
    )


@dataclass(frozen=True, slots=True)
class EventsOfNone:
    """Events that belong to no email: those that say something of an address, by its key, and the ids of the others."""

    by_address: Mapping[str, Sequence[PastEvent]]
    others: tuple[UUID, ...]
    last: UUID


def events_of_none(
    connection: Connection, *, recorded_before: datetime, after: UUID | None, limit: int
) -> EventsOfNone | None:
    """Those among the next `limit` old events, the oldest first; None if there are no more events that old.

    An event waits ten minutes more: `after` never goes back, and the clocks of workers, by which ids are made, differ.
    """
    columns = (events.c.key, events.c.id, events.c.type, events.c.occurred_at, events.c.counts_against)
    old = select(*columns, events.c.recipient_id).where(
        events.c.id < first_id_of(recorded_before - CLOCKS_DIFFER_BY), events.c.recorded_at < recorded_before
    )
    if after is not None:
        old = old.where(events.c.id > after)
    found = connection.execute(old.order_by(events.c.id).limit(limit)).all()
    if not found:
        return None
    by_address: defaultdict[str, list[PastEvent]] = defaultdict(list)
    others = []
    for key, *event, recipient_id in found:
        one = PastEvent(*event)
        if recipient_id is None and key is not None and one.type in _ABOUT_THE_ADDRESS:
            by_address[key].append(one)
        elif recipient_id is None:
            others.append(one.id)
    return EventsOfNone(by_address, tuple(others), found[-1].id)


def delete_events(connection: Connection, event_ids: Collection[UUID]) -> int:
    """Delete these events. How many."""
    return connection.execute(delete(events).where(events.c.id.in_(event_ids))).rowcount if event_ids else 0


def events_by_address(connection: Connection, recipient_ids: Collection[UUID]) -> dict[str, list[PastEvent]]:
    """The events of these recipients that say something of an address, by its key."""
    found: defaultdict[str, list[PastEvent]] = defaultdict(list)
    for key, *event in _EVENTS(connection, list(recipient_ids)):
        found[key].append(PastEvent(*event))
    return found


def pasts(connection: Connection, keys: Collection[str]) -> Mapping[str, AddressPast]:
    """What is known of each of these addresses besides."""
    among = list(keys)
    listed = {key for query in (_LISTED, _AT_SES) for key in query(connection, among).scalars()}
    counted = _COUNTED.pairs(connection, among)
    delivered = _DELIVERED.pairs(connection, counted)
    return {
        key: AddressPast(listed=key in listed, counts_since=counted.get(key), delivered_at=delivered.get(key))
        for key in among
    }


def delete_all(connection: Connection, old: OldEmails, *, keep_events: Collection[UUID]) -> int:
    """Delete these emails with all that belongs to them; events to keep lose their recipient. How many emails."""
    if keep_events:
        connection.execute(update(events).where(events.c.id.in_(keep_events)).values(recipient_id=None))
    for table in (events, *_OF_RECIPIENTS):
        connection.execute(delete(table).where(table.c.recipient_id.in_(old.recipients)))
    connection.execute(delete(recipients).where(recipients.c.id.in_(old.recipients)))
    return connection.execute(delete(emails).where(emails.c.id.in_(old.emails))).rowcount
