"""How far one email to one recipient has come, and where it waits: for emails that Postern sends to itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection

from app.domain.sending.state_machine import CLAIMABLE, ENDED_UNSENT, State
from app.store.feedback import events, notifications
from app.store.sending import circuits, recipients
from app.store.sending.recipients import Recipient


class Hop(StrEnum):
    """Where an email is: at the last of these that it has reached. `ended` is before SES took it."""

    ACCEPTED = "accepted"
    CLAIMED = "claimed"
    CALLED = "called"
    TAKEN = "taken"
    ARRIVED = "arrived"
    SETTLED = "settled"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One email: since when it is on its way, the hop, and why it waits there, if that is known.

    `events` are the types of the settled ones; `back_at` is when the first of them was settled.
    """

    accepted_at: datetime
    hop: Hop
    state: State
    why: str = ""
    events: frozenset[str] = frozenset()
    back_at: datetime | None = None


def journey_of(connection: Connection, email_id: UUID) -> Journey | None:
    """The journey of an email with one recipient; None if there is no such email."""
    named = recipients.of_emails(connection, [email_id]).get(email_id)
    if not named:
        return None
    row = named[0]
    stored = events.of_recipients(connection, [row.id])
    hop, why = (Hop.SETTLED, "") if stored else _hop(connection, row)
    return Journey(
        accepted_at=row.created_at,
        hop=hop,
        state=row.state,
        why=why,
        events=frozenset(one.type for one in stored),
        back_at=events.first_recorded(connection, row.id) if stored else None,
    )


def _hop(connection: Connection, row: Recipient) -> tuple[Hop, str]:
    """The hop of an email without events, and why it waits there."""
    if row.state in ENDED_UNSENT:
        return Hop.ENDED, row.reason or f"it ended as {row.state}"
    if row.ses_message_id is not None:
        about = notifications.unsettled_about(connection, row.ses_message_id)
        return (Hop.TAKEN, "") if about is None else (Hop.ARRIVED, about.note or f"the notification is {about.state}")
    if row.state is State.SENDING:
        return Hop.CLAIMED, ""
    if row.state in CLAIMABLE:
        waits = _held_back(connection, row) or row.reason or ""
        return (Hop.CALLED if row.attempts else Hop.ACCEPTED), waits
    return Hop.CALLED, row.reason or "whether SES took it is not known"


def _held_back(connection: Connection, row: Recipient) -> str | None:
    of = {"lane": row.lane, "sender_domain": row.sender_domain, "stream": row.scope}
    return next((f"{one.scope}: {one.reason}" for one in circuits.all_open(connection) if one.concerns(**of)), None)
