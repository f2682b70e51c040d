"""Mails whose fate is not known, and their peers: what `app.services.reconcile` weighs against each other."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, literal, select, tuple_

from app.domain.delivery import State
from app.domain.feedback import FeedbackKind
from app.domain.proof import AROUND, OnUnconfirmed, Peers
from app.store.attempts import AttemptOutcome, Evidence
from app.store.models import attempts, emails, events, recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """One such mail: since when, and what its application wants of it."""

    recipient_id: UUID
    sender: str
    sender_domain: str
    since: datetime
    policy: OnUnconfirmed


def quiet_since(
    connection: Connection, before: datetime, *, after: Unconfirmed | None, limit: int
) -> tuple[Unconfirmed, ...]:
    """Mails unconfirmed since before a time, longest first; only those that come `after` one, when it is given."""
    query = (
        select(
            recipients.c.id,
            recipients.c.sender_domain,
            recipients.c.unconfirmed_since,
            emails.c.sender,
            emails.c.on_unconfirmed,
        )
        .join(emails, emails.c.id == recipients.c.email_id)
        .where(recipients.c.state == State.UNCONFIRMED, recipients.c.unconfirmed_since <= before)
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
    """The mails that SES accepted by answer around this minute, and how far their `Send` events have come.

    A canary counts when it left after that minute, even if its event is all that was ever heard of it.
    """
    seen = (
        select(events.c.id)
        .where(events.c.ses_message_id == attempts.c.ses_message_id, events.c.type == FeedbackKind.SEND)
        .exists()
    )
    taken = attempts.c.outcome == AttemptOutcome.ACCEPTED
    accepted = taken & (attempts.c.evidence == Evidence.RESPONSE)
    near = attempts.c.started_at.between(around - AROUND, around + AROUND)
    counted = connection.execute(select(func.count(), func.count().filter(seen)).where(accepted, near)).one()
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
