"""Find the recipient that an event is about.

An event is matched by the tag of the attempt first, by the tag of the recipient second, and by SES's message id last.
The tags are there even when SES's response never reached us. They are trusted because the notification was verified,
and only as names of rows that exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.domain.feedback.events import SesEvent
from app.store.sending import attempts, recipients


@dataclass(frozen=True, slots=True)
class Match:
    """The recipient that an event is about, and the attempt, when the event has its tag.

    `attempt_is_known` is False for an attempt that is missing from a database that was restored to an earlier moment.
    """

    recipient_id: UUID
    attempt_id: UUID | None
    attempt_is_known: bool = True


def match(connection: Connection, events: Sequence[SesEvent]) -> list[Match | None]:
    """The recipient of each event; None when the email is not ours, or not known yet."""
    tags = [(_uuid(event.attempt_tag), _uuid(event.recipient_tag)) for event in events]
    called = attempts.recipients_of(connection, {attempt_id for attempt_id, _ in tags if attempt_id})
    uncalled = {named for attempt_id, named in tags if named and attempt_id not in called}
    known = recipients.existing(connection, uncalled)
    nameless = [
        event.ses_message_id
        for event, (attempt_id, named) in zip(events, tags, strict=True)
        if attempt_id not in called and named not in known
    ]
    by_message = recipients.ids_by_message(connection, set(nameless))
    found: list[Match | None] = []
    for event, (attempt_id, named) in zip(events, tags, strict=True):
        if attempt_id in called:
            found.append(Match(called[attempt_id], attempt_id))
        elif named in known:
            found.append(Match(named, attempt_id, attempt_is_known=False))
        else:
            recipient_id = by_message.get(event.ses_message_id)
            found.append(Match(recipient_id, None) if recipient_id else None)
    return found


def _uuid(tag: str | None) -> UUID | None:
    try:
        return UUID(tag) if tag else None
    except ValueError:
        return None
