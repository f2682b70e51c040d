"""Which recipient of ours is this feedback about?

By the tag of the recipient first, by the tag of the attempt second, by SES's message id last: the tags are there even
when the answer of SES never reached us. They are trusted because the notification was verified, and only as names of
rows that exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.domain.feedback import Feedback
from app.store import attempts, recipients


@dataclass(frozen=True, slots=True)
class Match:
    """The recipient that feedback is about, and the call that SES speaks of, when its tag says.

    `attempt_is_known` is False for a call that the database has forgotten: it was restored to an earlier moment.
    """

    recipient_id: UUID
    attempt_id: UUID | None
    attempt_is_known: bool = True


def match(connection: Connection, events: Sequence[Feedback]) -> list[Match | None]:
    """For each event its recipient, or None when the mail is not ours, or not known to be ours yet."""
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
