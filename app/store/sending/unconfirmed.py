"""Unconfirmed emails, and their peers: what `app.services.sending.unconfirmed` decides from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, literal, select, tuple_

from app.domain.feedback.events import EventType
from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.domain.sending.unconfirmed_policy import AROUND, OnUnconfirmed, Peers
from app.store.sending.attempts import AttemptOutcome, OutcomeSource
from app.store.sending.recipients import is_in
from app.store.tables.core import attempts, emails, events, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """One unconfirmed email: since when, and the policy of its application."""

    recipient_id: UUID
    sender: str
    sender_domain: str
    since: datetime
    policy: OnUnconfirmed


def quiet_since(
    connection: Connection, before: datetime, *, after: Unconfirmed | None, limit: int
) -> tuple[Unconfirmed, ...]:
    """Emails unconfirmed since before a time, longest first; with `after`, only those that come after it."""
    query = (
        select(
            recipients.c.id,
            recipients.c.sender_domain,
            recipients.c.unconfirmed_since,
            emails.c.sender,
            emails.c.on_unconfirmed,
        )
        .join(emails, emails.c.id == recipients.c.email_id)
        .where(is_in([State.UNCONFIRMED]), recipients.c.unconfirmed_since <= before)
        .order_by(recipients.c.unconfirmed_since, recipients.c.id)
        .limit(limit)
    )
    if after is not None:
        place = (recipients.c.unconfirmed_since, recipients.c.id)
        last = (literal(after.since, place[0].type), literal(after.recipient_id, place[1].type))
        query = query.where(tuple_(*place) > tuple_(*last))
    return tuple(
        Unconfirmed(
            recipient_id=row.id,
            sender=row.sender,
            sender_domain=row.sender_domain,
            since=row.unconfirmed_since,
            policy=OnUnconfirmed(row.on_unconfirmed),
        )
        for row in connection.execute(query)
    )


def peers(connection: Connection, around: datetime, *, canary_key: str) -> Peers:
    """The emails that SES accepted by response around this minute, and how far their `Send` events have come.

    A canary counts when it left after that minute, even if its event is the only evidence of it.
    """
    seen = (
        select(events.c.id)
        .where(events.c.ses_message_id == attempts.c.ses_message_id, events.c.type == EventType.SEND)
        .exists()
    )
    taken = attempts.c.outcome == AttemptOutcome.ACCEPTED
    accepted = taken & (attempts.c.evidence == OutcomeSource.RESPONSE)
    near = attempts.c.started_at.between(around - AROUND, around + AROUND)
    sent = recipients.c.lane != TEST_LANE
    whole = select(func.count(), func.count().filter(seen)).join(recipients, recipients.c.id == attempts.c.recipient_id)
    counted = connection.execute(whole.where(accepted, near, sent)).one()
    canary = (
        select(attempts.c.id)
        .join(recipients, recipients.c.id == attempts.c.recipient_id)
        .where(recipients.c.key == canary_key, taken, attempts.c.started_at > around + AROUND, seen)
        .limit(1)
    )
    return Peers(accepted=counted[0], seen=counted[1], canary_seen=connection.scalar(canary) is not None)


def last_canary(connection: Connection, canary_key: str) -> datetime | None:
    """When the newest canary was accepted by Postern."""
    newest: datetime | None = connection.scalar(
        select(func.max(recipients.c.created_at)).where(recipients.c.key == canary_key)
    )
    return newest
