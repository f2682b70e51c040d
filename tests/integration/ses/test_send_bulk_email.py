"""`SendBulkEmail`: several emails of one template in the request, each with a result of its own."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.ses.door import Door, accords_with_the_model, signed

TEMPLATE = {
    "TemplateContent": {"Subject": "For {{name}}", "Text": "{{greeting}}, {{name}}."},
    "TemplateData": json.dumps({"greeting": "Hello"}),
    "Headers": [{"Name": "X-Campaign", "Value": "spring"}],
}

LARGE = {"RawContent": b"0" * 2_000_000, "FileName": "a.txt"}


def entry(address: str, data: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    replacement = {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps(data)}} if data is not None else {}
    return {"Destination": {"ToAddresses": [address]}, "ReplacementEmailContent": replacement, **more}


def request(*entries: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {
        "FromEmailAddress": "invites@example.com",
        "DefaultContent": {"Template": TEMPLATE},
        "BulkEmailEntries": list(entries),
        **change,
    }


def test_each_entry_is_an_email_of_its_own(door: Door) -> None:
    """Values of the entry come before those of the template; tags and headers of the entry take the place of others."""
    tags = {"DefaultEmailTags": [{"Name": "kind", "Value": "a"}, {"Name": "run", "Value": "1"}]}
    own = {
        "ReplacementTags": [{"Name": "kind", "Value": "b"}],
        "ReplacementHeaders": [{"Name": "x-campaign", "Value": "autumn"}],
    }
    answer = door.client().send_bulk_email(
        **request(
            entry("ann@example.net", {"name": "Ann"}),
            entry("ben@example.net", {"name": "Ben", "greeting": "Hi"}, **own),
            **tags,
        )
    )
    accords_with_the_model("SendBulkEmail", answer)
    look_up = door.web.key("invites")
    results = answer["BulkEmailEntryResults"]
    assert [one["Status"] for one in results] == ["SUCCESS", "SUCCESS"]
    ann, ben = (door.web.email(look_up, one["MessageId"]) for one in results)
    assert (ann["subject"], ann["text"], ann["headers"]) == ("For Ann", "Hello, Ann.", {"X-Campaign": "spring"})
    assert (ben["subject"], ben["text"], ben["headers"]) == ("For Ben", "Hi, Ben.", {"x-campaign": "autumn"})
    assert {one["name"]: one["value"] for one in ben["tags"]} == {"kind": "b", "run": "1"}


def test_an_entry_that_cannot_be_sent_stops_no_other(door: Door) -> None:
    """Its result says why, in its place."""
    answer = door.client().send_bulk_email(
        **request(
            entry("ann@example.net", {"name": "Ann"}),
            entry("ben@example.net"),
            entry("cleo@example.net", {"name": "C" * 2000}),
        )
    )
    first, second, third = answer["BulkEmailEntryResults"]
    assert first["Status"] == "SUCCESS"
    assert (second["Status"], third["Status"]) == ("INVALID_PARAMETER", "INVALID_PARAMETER")
    assert "has no value" in second["Error"]
    assert third["Error"].startswith("/DefaultContent/Template/TemplateContent/Subject")
    none = door.client().send_bulk_email(**request(entry("ben@example.net")))
    assert [one["Status"] for one in none["BulkEmailEntryResults"]] == ["INVALID_PARAMETER"]


def test_a_call_that_is_repeated_sends_nothing_more(door: Door) -> None:
    """The results are those of the first time."""
    key, body = door.credentials(), json.dumps(request(entry("ann@example.net", {"name": "Ann"}))).encode()
    same = {"amz-sdk-invocation-id": "bulk-1"}
    first, again = (signed(door, key, "POST", "/v2/email/outbound-bulk-emails", body, **same) for _ in range(2))
    assert first.status == 200
    assert first.json() == again.json()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"BulkEmailEntries": []}, "/BulkEmailEntries"),
        ({"BulkEmailEntries": [entry("ann@example.net")] * 51}, "/BulkEmailEntries"),
        ({"BulkEmailEntries": [entry("no address")]}, "/BulkEmailEntries/0/Destination/ToAddresses/0"),
        ({"DefaultContent": {"Template": {"TemplateName": "welcome"}}}, "Postern stores no templates"),
        ({"DefaultContent": {"Template": TEMPLATE | {"TemplateData": "[]"}}}, "Give a JSON object as text."),
        (
            {"DefaultContent": {"Template": {"TemplateContent": {"Subject": "{{#if a}}b{{/if}}", "Text": "c"}}}},
            "blocks, helpers and other forms",
        ),
        (
            {"DefaultContent": {"Template": TEMPLATE | {"Attachments": [LARGE]}},
             "BulkEmailEntries": [entry("ann@example.net", {"name": "Ann"})] * 40},
            "have together at most",
        ),
        (
            {"DefaultContent": {"Template": {"TemplateContent": {"Subject": "a", "Text": "{{name}}" * 10_000}}},
             "BulkEmailEntries": [entry("ann@example.net", {"name": "A" * 10_000})]},
            "have together at most",
        ),
    ],
)  # fmt: skip
def test_a_bad_call_is_refused_as_a_whole(door: Door, change: dict[str, Any], words: str) -> None:
    """Among them one whose emails would be far larger together than the request."""
    with pytest.raises(ClientError) as refused:
        door.client().send_bulk_email(**request(entry("ann@example.net", {"name": "Ann"}), **change))
    assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert words in refused.value.response["Error"]["Message"]
