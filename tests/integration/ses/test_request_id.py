"""The RequestId of an answer of the SES door leads to the emails of the request."""

from typing import Any

import pytest

from tests.integration.ses.test_send_bulk_email import entry, request
from tests.integration.ses.test_version_1 import EMAIL, MIME
from tests.support.gateway.web import body_of
from tests.support.ses.door import Door

TWO = request(*(entry(f"{name}@example.net", {"name": name}) for name in ("ann", "ben")))
PARTS = {
    "FromEmailAddress": "invites@example.com",
    "Destination": {"ToAddresses": ["ann@example.net"]},
    "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Come."}}}},
}


@pytest.mark.parametrize(
    "service, operation, given, emails",
    [
        ("sesv2", "send_email", PARTS, 1),
        ("sesv2", "send_bulk_email", TWO, 2),
        ("ses", "send_email", EMAIL, 1),
        ("ses", "send_raw_email", {"RawMessage": {"Data": MIME}}, 1),
    ],
)
def test_a_request_id_finds_its_emails(
    door: Door, service: str, operation: str, given: dict[str, Any], emails: int
) -> None:
    """It is what an SDK logs: of one email in parts, of a MIME message, and of a call with several emails."""
    request_id = getattr(door.client(service), operation)(**given)["ResponseMetadata"]["RequestId"]
    asked = {"query_string": {"request_id": request_id}, "headers": door.web.key("invites")}
    found = body_of(door.web.client.get("/v1/emails", **asked))["data"]
    assert [one["request_id"] for one in found] == [request_id] * emails
