"""The timeline of an email, from its rows: accepted, each call to SES, each event, and its end if it was not sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.sending.state_machine import ENDED_UNSENT, State
from app.store.feedback.events import StoredEvent
from app.store.sending.attempts import Attempt, AttemptOutcome
from app.store.sending.recipients import Recipient
from app.store.submission.emails import Email


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened. `effect` is what Postern concluded from it, `data` the facts that came with it.

    `ended_at` is when SES answered a call. `notification_id` names the notification that brought an event.
    """

    at: datetime
    type: str
    recipient: str
    recipient_id: UUID
    detail: str
    effect: str
    data: Mapping[str, Any]
    ended_at: datetime | None = None
    notification_id: UUID | None = None


_CALLS = {
    AttemptOutcome.CALLING: "SES is being called.",
    AttemptOutcome.ACCEPTED: "SES accepted the email.",
    AttemptOutcome.NOT_SENT: "The email was not sent.",
    AttemptOutcome.REJECTED: "SES refused the email for good.",
    AttemptOutcome.UNKNOWN: "Whether SES accepted the email is not known.",
}


def timeline(
    email: Email, recipients: Iterable[Recipient], attempts: Iterable[Attempt], events: Iterable[StoredEvent]
) -> tuple[TimelineEntry, ...]:
    """The whole timeline, oldest first."""
    by_id = {one.id: one for one in recipients}
    entries = [_taken_in(email, one) for one in by_id.values()]
    entries += [_called(one, by_id[one.recipient_id]) for one in attempts]
    entries += [_happened(one, by_id[one.recipient_id]) for one in events if one.recipient_id is not None]
    entries += [entry for one in by_id.values() for entry in _ended(one)]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _taken_in(email: Email, recipient: Recipient) -> TimelineEntry:
    return TimelineEntry(
        at=recipient.created_at,
        type="accepted",
        recipient=recipient.address,
        recipient_id=recipient.id,
        detail="Postern accepted the email.",
        effect="",
        data={"kind": recipient.kind, "request_id": email.request_id and str(email.request_id)},
    )


def _called(attempt: Attempt, recipient: Recipient) -> TimelineEntry:
    detail = f"{_CALLS[attempt.outcome]} {attempt.reason or ''}".strip()
    return TimelineEntry(
        at=attempt.started_at,
        type="attempt",
        recipient=recipient.address,
        recipient_id=recipient.id,
        detail=detail,
        effect="",
        data={
            "attempt_id": str(attempt.id),
            "number": attempt.number,
            "outcome": attempt.outcome,
            "evidence": attempt.evidence,
            "ses_message_id": attempt.ses_message_id,
        },
        ended_at=attempt.ended_at,
    )


def _happened(event: StoredEvent, recipient: Recipient) -> TimelineEntry:
    return TimelineEntry(
        at=event.occurred_at,
        type=event.type,
        recipient=recipient.address,
        recipient_id=recipient.id,
        detail=event.detail,
        effect=event.effect,
        data=event.data,
        notification_id=event.notification_id,
    )


def _ended(recipient: Recipient) -> Iterator[TimelineEntry]:
    if recipient.state in ENDED_UNSENT and recipient.state is not State.FAILED:
        yield TimelineEntry(
            at=recipient.updated_at,
            type=recipient.state,
            recipient=recipient.address,
            recipient_id=recipient.id,
            detail=recipient.reason or f"The email ended as {recipient.state}.",
            effect="",
            data={},
        )
