"""The JSON of an event: Resend's fields where Resend has the event, and ours beside them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_type_hints
from uuid import UUID

import pytest
from resend.webhooks import _webhook_event as of_resend

from app.domain.feedback.events import Bounce, BounceType
from app.domain.webhooks.events import WebhookEvent
from app.domain.webhooks.payloads import EmailFacts, EntryFacts, of_email, of_entry, payload

AT = datetime(2027, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
ONE = UUID("018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f")
FACTS = EmailFacts(
    email_id=ONE,
    created_at=AT,
    sender="invites@example.com",
    sender_name="Invites",
    subject="You are invited",
    tags={"campaign": "spring"},
    lane="transactional",
    stream="invitations",
    actor="ann@example.com",
    reference="invitation-4711",
    recipient_id=ONE,
    address="kim@example.net",
    reason="The mailbox does not exist.",
    message_id="<0100@email.amazonses.com>",
    clicked_at=AT,
    sequence=2,
    cause="mailbox_gone",
    bounce=Bounce(
        type=BounceType.PERMANENT, subtype="General", action="failed", status="5.1.1", diagnostic="550 unknown"
    ),
)
OPTIONAL = {"broadcast_id", "template_id"}


def missing(data: dict[str, Any], shape: Any) -> set[str]:
    """The fields that Resend documents and that are not there."""
    return set(get_type_hints(shape)) - set(data) - OPTIONAL


@pytest.mark.parametrize(
    "event, shape",
    [
        (WebhookEvent.EMAIL_SENT, of_resend.BaseEmailEventData),
        (WebhookEvent.EMAIL_BOUNCED, of_resend.EmailBouncedEventData),
        (WebhookEvent.EMAIL_CLICKED, of_resend.EmailClickedEventData),
        (WebhookEvent.EMAIL_FAILED, of_resend.EmailFailedEventData),
        (WebhookEvent.EMAIL_SUPPRESSED, of_resend.EmailSuppressedEventData),
    ],
)
def test_an_event_of_an_email_has_the_fields_of_resend(event: WebhookEvent, shape: Any) -> None:
    """As Resend's own client declares them."""
    assert missing(of_email(event, FACTS), shape) == set()


def test_the_bounce_is_as_resend_has_it() -> None:
    """With SES's words for its type, and the reply of the server."""
    bounce = of_email(WebhookEvent.EMAIL_BOUNCED, FACTS)["bounce"]
    assert missing(bounce, of_resend.EmailBounce) == set()
    assert (bounce["type"], bounce["subType"], bounce["message"]) == ("Permanent", "General", "550 unknown")
    assert bounce["diagnosticCode"] == ["550 unknown"]


def test_a_bounce_that_was_erased_is_still_told() -> None:
    """The person may have been forgotten since."""
    data = of_email(WebhookEvent.EMAIL_BOUNCED, replace(FACTS, bounce=None, reason=None))
    assert data["bounce"]["type"] == "Undetermined"


def test_an_entry_has_the_fields_of_resend() -> None:
    """And its scope, its reason and its end."""
    facts = EntryFacts(
        id=ONE,
        address="kim@example.net",
        origin="bounce",
        source_id=None,
        scope="*",
        reason="550 unknown",
        created_at=AT,
        expires_at=None,
    )
    assert missing(of_entry(facts), of_resend.SuppressionEventData) == set()


def test_a_payload_says_what_happened_and_when() -> None:
    """With milliseconds, in UTC."""
    whole = payload(WebhookEvent.APP_PAUSED, AT, {"lane": "bulk"})
    assert whole == {"type": "app.paused", "created_at": "2027-01-31T09:30:00.123Z", "data": {"lane": "bulk"}}
