"""What each piece of feedback is for the mail it is about."""

from datetime import UTC, datetime

import pytest

from app.domain.delivery import Event
from app.domain.feedback import Bounce, BounceType, Complaint, Feedback, FeedbackKind
from app.domain.news import news_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def feedback(kind: FeedbackKind, *, bounce: Bounce | None = None, complaint: Complaint | None = None) -> Feedback:
    return Feedback(
        kind=kind,
        ses_message_id="m",
        recipient="kim@example.net",
        occurred_at=NOON,
        mail_sent_at=NOON,
        bounce=bounce,
        complaint=complaint,
    )


@pytest.mark.parametrize(
    "kind, event",
    [
        (FeedbackKind.SEND, Event.SES_TOOK_IT),
        (FeedbackKind.REJECT, Event.SES_REJECTED),
        (FeedbackKind.RENDERING_FAILURE, Event.SES_REJECTED),
        (FeedbackKind.DELIVERY, Event.SES_DELIVERED),
        (FeedbackKind.DELIVERY_DELAY, Event.SES_DELAYED),
        (FeedbackKind.OPEN, Event.SES_NOTED),
        (FeedbackKind.CLICK, Event.SES_NOTED),
        (FeedbackKind.SUBSCRIPTION, Event.SES_NOTED),
        (FeedbackKind.UNKNOWN, Event.SES_NOTED),
    ],
)
def test_each_kind_of_event_is_news_of_its_kind(kind: FeedbackKind, event: Event) -> None:
    """What says no more than that SES has the mail is noted as just that, types of a later year included."""
    assert news_of(feedback(kind)) is event


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
def test_a_bounce_ends_a_mail_unless_it_is_a_reply_or_a_delay(
    kind: BounceType, subtype: str, action: str | None, event: Event
) -> None:
    """An out-of-office answer came from a mailbox that got the mail; a delay is no end."""
    bounce = Bounce(type=kind, subtype=subtype, action=action)
    assert news_of(feedback(FeedbackKind.BOUNCE, bounce=bounce)) is event


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
    """A report that says the opposite, or reports an authentication, is not held against the mail."""
    assert news_of(feedback(FeedbackKind.COMPLAINT, complaint=Complaint(feedback_type=feedback_type))) is event
