"""The effect of each event on the email that it is about."""

from datetime import UTC, datetime

import pytest

from app.domain.feedback.delivery_events import events_of
from app.domain.feedback.events import Bounce, BounceType, Complaint, EventType, Reading, SesEvent
from app.domain.sending.state_machine import Event
from tests.support.aws.bounces import bounce_reader

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def feedback(kind: EventType, *, bounce: Bounce | None = None, complaint: Complaint | None = None) -> SesEvent:
    return SesEvent(
        kind=kind,
        ses_message_id="m",
        recipient="kim@example.net",
        occurred_at=NOON,
        mail_sent_at=NOON,
        bounce=bounce,
        complaint=complaint,
    )


def event_of(reported: SesEvent) -> Event:
    return events_of(reported, read.cause if (read := bounce_reader().read_event(reported)) else None)


@pytest.mark.parametrize(
    "kind, event",
    [
        (EventType.SEND, Event.SES_TOOK_IT),
        (EventType.REJECT, Event.SES_REJECTED),
        (EventType.RENDERING_FAILURE, Event.SES_REJECTED),
        (EventType.DELIVERY, Event.SES_DELIVERED),
        (EventType.DELIVERY_DELAY, Event.SES_DELAYED),
        (EventType.OPEN, Event.SES_NOTED),
        (EventType.CLICK, Event.SES_NOTED),
        (EventType.SUBSCRIPTION, Event.SES_NOTED),
        (EventType.UNKNOWN, Event.SES_NOTED),
    ],
)
def test_each_kind_of_event_has_its_effect(kind: EventType, event: Event) -> None:
    """An event that proves only that SES has the email is recorded as such, including unknown future types."""
    assert event_of(feedback(kind)) is event


@pytest.mark.parametrize(
    "kind, subtype, action, event",
    [
        (BounceType.PERMANENT, "General", "failed", Event.SES_BOUNCED),
        (BounceType.PERMANENT, "OnAccountSuppressionList", "failed", Event.SES_BOUNCED),
        (BounceType.PERMANENT, "EmailValidationSuppressed", None, Event.SES_BOUNCED),
        (BounceType.PERMANENT, "General", "delayed", Event.SES_DELAYED),
        (BounceType.TRANSIENT, "MailboxFull", "failed", Event.SES_BOUNCED),
        (BounceType.TRANSIENT, "MessageTooLarge", "failed", Event.SES_BOUNCED),
        (BounceType.TRANSIENT, "General", None, Event.SES_NOTED),
        (BounceType.UNDETERMINED, "Undetermined", None, Event.SES_BOUNCED),
        (BounceType.UNKNOWN, "Unknown", None, Event.SES_NOTED),
    ],
)
def test_a_bounce_ends_an_email_unless_it_is_a_reply_or_a_delay(
    kind: BounceType, subtype: str, action: str | None, event: Event
) -> None:
    """An out-of-office reply comes from a mailbox that got the email; a delay is not final."""
    bounce = Bounce(type=kind, subtype=subtype, action=action)
    assert event_of(feedback(EventType.BOUNCE, bounce=bounce)) is event


@pytest.mark.parametrize(
    "feedback_type, event",
    [
        (None, Event.SES_COMPLAINED),
        ("abuse", Event.SES_COMPLAINED),
        ("fraud", Event.SES_COMPLAINED),
        ("other", Event.SES_COMPLAINED),
        ("not-spam", Event.SES_NOTED),
        ("auth-failure", Event.SES_NOTED),
    ],
)
def test_only_a_complaint_is_a_complaint(feedback_type: str | None, event: Event) -> None:
    """A not-spam report or an authentication failure report does not count against the email."""
    assert event_of(feedback(EventType.COMPLAINT, complaint=Complaint(feedback_type=feedback_type))) is event


def test_what_an_event_does_not_say_is_none() -> None:
    """An empty text would be something that SES said."""
    said = SesEvent(kind=EventType.OPEN, ses_message_id="m", recipient=None, occurred_at=NOON, mail_sent_at=None)
    texts = (said.feedback_id, said.recipient_tag, said.attempt_tag, said.sending_account_id, said.configuration_set)
    assert (*texts, said.bounce, said.complaint) == (None,) * 7
    assert (said.destination, said.detail) == ((), "")
    assert Bounce(type=BounceType.UNKNOWN, subtype="") == Bounce(
        type=BounceType.UNKNOWN, subtype="", action=None, status=None, diagnostic=None
    )
    assert Complaint() == Complaint(feedback_type=None, subtype=None, among=1)
    assert Reading(()) == Reading((), note=None, unread=False)
