"""What SES would report of a test email: decided by its address, written in SES's JSON, read as any event."""

from datetime import UTC, datetime

import pytest

from app.aws.events.notification import read_notification
from app.aws.events.pretended import Happening, event_json, happenings_at
from app.domain.feedback.events import EventType

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIMULATOR = "simulator.amazonses.com"


@pytest.mark.parametrize(
    "key, expected",
    [
        (f"success@{SIMULATOR}", ["delivery"]),
        (f"bounce@{SIMULATOR}", ["hard_bounce"]),
        (f"bounce+label1@{SIMULATOR}", ["hard_bounce"]),
        (f"complaint@{SIMULATOR}", ["delivery", "complaint"]),
        (f"ooto@{SIMULATOR}", ["delivery", "out_of_office"]),
        (f"suppressionlist+a+b@{SIMULATOR}", ["on_the_list_of_ses"]),
        (f"other@{SIMULATOR}", ["delivery"]),
        ("bounce@example.com", ["delivery"]),
        (f"bounce@{SIMULATOR}.example", ["delivery"]),
    ],
)
def test_an_address_does_as_at_the_mailbox_simulator(key: str, expected: list[str]) -> None:
    """With or without a label; any other address takes the email."""
    assert [one.value for one in happenings_at(key)] == expected


@pytest.mark.parametrize("happening", Happening)
def test_a_pretended_event_is_read_as_one_of_ses(happening: Happening) -> None:
    """It names the recipient and its row, and nothing that would set it aside."""
    raw = event_json(
        happening,
        ses_message_id="test-1",
        recipient="Ann@example.com",
        tags={"postern_recipient": "0190"},
        moment=NOW,
    )
    reading = read_notification(raw, received_at=NOW)
    [event] = reading.events
    assert (event.ses_message_id, event.recipient, event.recipient_tag) == ("test-1", "Ann@example.com", "0190")
    assert (event.occurred_at, reading.note, event.sending_account_id) == (NOW, None, None)
    expected = {Happening.DELIVERY: EventType.DELIVERY, Happening.COMPLAINT: EventType.COMPLAINT}
    assert event.kind is expected.get(happening, EventType.BOUNCE)
