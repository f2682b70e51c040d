"""What an operator reads of an alert: the same words as JSON, in Slack and in an email."""

import json
from email import message_from_bytes, policy
from typing import Any

import pytest

from app.domain.webhooks.formats import EndpointFormat, text_of, title_of, written

OPENED: dict[str, Any] = {
    "type": "incident.opened",
    "created_at": "2026-11-29T10:00:00.000Z",
    "data": {
        "app": "postern",
        "kind": "refused_for_policy",
        "subject": "microsoft",
        "detail": "550 5.7.1 blocked <list> & more",
        "opened_at": "2026-11-29T09:59:58Z",
        "closed_at": None,
    },
}
TEST: dict[str, Any] = {"type": "webhook.test", "created_at": "2026-11-29T10:00:00.000Z", "data": {"app": "postern"}}


def test_a_webhook_gets_the_event_itself() -> None:
    """Programs read it as they read every event."""
    assert json.loads(written(EndpointFormat.STANDARD, OPENED)) == OPENED


def test_slack_gets_text_with_its_marks_escaped() -> None:
    """Otherwise a server's reply could mention a channel or hide behind a link."""
    (text,) = json.loads(written(EndpointFormat.SLACK, OPENED)).values()
    assert text.startswith("*Postern incident: refused_for_policy: microsoft*\n")
    assert "blocked &lt;list&gt; &amp; more" in text


def test_an_email_has_a_subject_and_says_since_when() -> None:
    """Its sender and recipient are added where it is sent."""
    message = message_from_bytes(written(EndpointFormat.EMAIL, OPENED), policy=policy.default)
    assert message["Subject"] == "Postern incident: refused_for_policy: microsoft"
    assert "Opened 2026-11-29T09:59:58Z." in message.get_body().get_content()  # type: ignore[union-attr]
    assert message["To"] is None


@pytest.mark.parametrize("form", EndpointFormat)
def test_a_test_says_that_it_is_one(form: EndpointFormat) -> None:
    """Whoever sets a channel up sees that it works."""
    assert b"test" in written(form, TEST)
    assert text_of(TEST) == "This is a test: alerts arrive here."
    assert title_of(TEST) == "Postern: webhook.test"


def test_a_subject_of_many_lines_stays_one_line() -> None:
    """A header cannot be injected by what an incident is about."""
    hostile = {**OPENED, "data": {**OPENED["data"], "subject": "a\r\nBcc: kim@example.net\r\n\r\nx" * 50}}
    message = message_from_bytes(written(EndpointFormat.EMAIL, hostile), policy=policy.default)
    assert message["Bcc"] is None
    assert len(title_of(hostile)) == 150
