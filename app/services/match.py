"""Which recipient of ours is this feedback about?

By the tag of the recipient first, by the tag of the attempt second, by SES's message id last: the tags are there even
when the answer of SES never reached us. They are trusted because the notification was verified, and only as names of
rows that exist.
"""

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


def match(connection: Connection, feedback: Feedback) -> Match | None:
    """The recipient, or None when the mail is not ours, or not known to be ours yet."""
    attempt_id = _uuid(feedback.attempt_tag)
    attempt = attempts.find(connection, attempt_id) if attempt_id else None
    if attempt is not None:
        return Match(attempt.recipient_id, attempt.id)
    recipient_id = _uuid(feedback.recipient_tag)
    if recipient_id is not None and recipients.exists(connection, recipient_id):
        return Match(recipient_id, attempt_id, attempt_is_known=False)
    by_message = recipients.id_by_message(connection, feedback.ses_message_id)
    return Match(by_message, None) if by_message else None


def _uuid(tag: str | None) -> UUID | None:
    try:
        return UUID(tag) if tag else None
    except ValueError:
        return None
