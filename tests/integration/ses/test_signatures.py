"""Signatures through a real HTTP server: path, query and `Host` header are checked as they travelled."""

import urllib3

from tests.support.ses.door import REGION, Door, signed

ADDRESS = "ann+o'neil~%2f#?&=/@example.net"
"""Each character of it is one that some client or server writes otherwise."""


def test_a_path_is_checked_as_it_travelled(door: Door) -> None:
    """An address with odd characters is in the path of what it is looked up by; boto3 encodes and signs it."""
    client = door.client()
    client.put_suppressed_destination(EmailAddress=ADDRESS, Reason="BOUNCE")
    found = client.get_suppressed_destination(EmailAddress=ADDRESS)["SuppressedDestination"]
    assert found["EmailAddress"] == ADDRESS


def test_a_query_is_checked_as_it_travelled(door: Door) -> None:
    """Repeated parameters and dates with colons."""
    answer = signed(
        door,
        door.credentials(),
        "GET",
        "/v2/email/suppression/addresses?StartDate=2026-01-01T00%3A00%3A00Z&Reason=COMPLAINT&Reason=BOUNCE",
    )
    assert answer.status == 200, answer.data


def test_a_presigned_url_is_a_call(door: Door) -> None:
    """boto3 makes it; whoever has it calls without a key until it expires."""
    url = door.client("ses").generate_presigned_url("get_send_quota", ExpiresIn=60, HttpMethod="GET")
    answer = urllib3.request("GET", url, retries=False)
    assert (answer.status, b"<GetSendQuotaResult>" in answer.data) == (200, True)
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")
    refused = urllib3.request("GET", longer, retries=False)
    assert (refused.status, b"<Code>SignatureDoesNotMatch</Code>" in refused.data) == (403, True)


def test_a_query_has_one_meaning(door: Door) -> None:
    """A plus that was signed cannot be made a space on the way, though a signature is the same for both."""
    named = {"EmailAddress": "ann+b@example.com"}
    client = door.client("ses")
    url = client.generate_presigned_url("verify_email_identity", named, ExpiresIn=60, HttpMethod="GET")
    assert urllib3.request("GET", url, retries=False).status == 200
    refused = urllib3.request("GET", url.replace("%2B", "+"), retries=False)
    assert (refused.status, b"<Code>IncompleteSignature</Code>" in refused.data) == (400, True)


def test_another_host_is_refused(door: Door) -> None:
    """A proxy that replaces the `Host` header breaks the signature, and the refusal says where to look."""
    url = door.client("ses", as_=door.credentials()).generate_presigned_url("get_send_quota", HttpMethod="GET")
    refused = urllib3.request("GET", url, headers={"Host": "inner.example"}, retries=False)
    assert refused.status == 403
    assert b"whether a proxy on the way has changed the Host header" in refused.data
    assert REGION.encode() not in refused.data
