"""The fields of a request, one by one, and the faults that the answer reports."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from app.domain.errors import Fault, ValidationFailed
from app.domain.message.mime import Attachment
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.web.http.faults.validation import attempt, below, check, refusal
from app.web.http.known import PageQuery
from app.web.submission.email_requests import (
    EmailBody,
    EmailsQuery,
    RescheduleBody,
)
from app.web.suppression.suppression_requests import SuppressBatchBody, SuppressionBody, UnsuppressBatchBody
from tests.support.gateway.emails import message_of

SECRET = "s3cret-value@canary.example"

LEAST: dict[str, Any] = {"from": "Acme <news@acme.example>", "to": "ann@example.com", "subject": "Hello", "text": "Hi"}

WHOLE: dict[str, Any] = {
    "from": "news@acme.example",
    "to": ["Ann <ann@example.com>", "bob@example.com"],
    "cc": "cy@example.com",
    "bcc": ["dee@example.com"],
    "reply_to": "help@acme.example",
    "subject": "Hello",
    "html": "<p>Hi</p>",
    "text": "Hi",
    "headers": {"X-Entity-Ref-ID": "1"},
    "attachments": [
        {"filename": "a.txt", "content": base64.b64encode(b"\x00\xffhi").decode(), "content_type": "text/plain"},
        {"filename": "b.png", "content": [137, 80, 78, 71], "inline_content_id": "logo"},
    ],
    "tags": [{"name": "campaign", "value": "spring"}, {"name": "bare"}],
    "scheduled_at": "2027-01-31T10:30:00.123456+01:00",
    "expires_at": "2027-02-01T00:00:00Z",
    "stream": "invitations",
    "lane": "bulk",
    "on_unconfirmed": "hold",
}

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no sender": ({"from": None}, "/from", "string_type"),
    "sender without a domain": ({"from": "acme"}, "/from", "one_at_sign"),
    "two senders": ({"from": ["a@acme.example", "b@acme.example"]}, "/from", "string_type"),
    "recipient that is none": ({"to": "ann"}, "/to", "one_at_sign"),
    "second recipient that is none": ({"to": ["ann@example.com", "a@b@c.example"]}, "/to/1", "one_at_sign"),
    "two recipients without a comma": ({"to": "ann@example.com bob@example.com"}, "/to", "whitespace"),
    "fifty-one recipients in one text": ({"to": ",".join(["ann@example.com"] * 51)}, "/to", "too_long"),
    "two senders in one text": ({"from": "a@acme.example, b@acme.example"}, "/from", "one_mailbox"),
    "recipient that is a number": ({"to": [7]}, "/to/0", "string_type"),
    "recipients that are an object": ({"to": {"email": "ann@example.com"}}, "/to", "tuple_type"),
    "fifty-one recipients": ({"to": ["ann@example.com"] * 51}, "/to", "too_long"),
    "address with a line break": ({"cc": "ann@example.com\r\nBcc: eve@example.com"}, "/cc", "control_character"),
    "subject that is a number": ({"subject": 5}, "/subject", "string_type"),
    "subject that is missing": ({"subject": None}, "/subject", "string_type"),
    "html that is a list": ({"html": ["<p>"]}, "/html", "string_type"),
    "headers that are a list": ({"headers": [{"name": "X-A", "value": "b"}]}, "/headers", "dict_type"),
    "header that is a list": ({"headers": {"X-A": ["b"]}}, "/headers/X-A", "string_type"),
    "attachment without content": ({"attachments": [{"filename": "a"}]}, "/attachments/0/content", "missing"),
    "content type that is none": (
        {"attachments": [{"content": "aGk=", "content_type": "pdf"}]}, "/attachments/0/content_type", "content_type",
    ),
    "content that is no base64": (
        {"attachments": [{"filename": "a", "content": "a-+b"}]}, "/attachments/0/content", "file_content",
    ),
    "base64 with a character too many": (
        {"attachments": [{"filename": "a", "content": "aGk=a"}]}, "/attachments/0/content", "file_content",
    ),
    "base64 that is cut off": (
        {"attachments": [{"filename": "a", "content": "aGkab"}]}, "/attachments/0/content", "file_content",
    ),
    "byte that is 256": (
        {"attachments": [{"filename": "a", "content": [1, 256]}]}, "/attachments/0/content", "file_content",
    ),
    "byte that is a text": (
        {"attachments": [{"filename": "a", "content": ["1"]}]}, "/attachments/0/content", "file_content",
    ),
    "byte that is true": (
        {"attachments": [{"filename": "a", "content": [True]}]}, "/attachments/0/content", "file_content",
    ),
    "size in place of content": (
        {"attachments": [{"filename": "a", "content": 1_000_000}]}, "/attachments/0/content", "file_content",
    ),
    "file at an address": (
        {"attachments": [{"filename": "a", "path": "https://example.com/a", "content": ""}]},
        "/attachments/0/path", "not_supported",
    ),
    "template": ({"template": {"id": "x"}}, "/template", "not_supported"),
    "topic": ({"topic_id": "x"}, "/topic_id", "not_supported"),
    "unknown field": ({"bccc": "eve@example.com"}, "/bccc", "unknown_field"),
    "unknown field of a tag": ({"tags": [{"name": "a", "colour": "red"}]}, "/tags/0/colour", "unknown_field"),
    "field in camel case": ({"replyTo": "a@example.com"}, "/replyTo", "unknown_field"),
    "field that is an address": ({SECRET: 1}, "", "unknown_field"),
    "tag with a space": ({"tags": [{"name": "a b"}]}, "/tags/0/name", "string_pattern_mismatch"),
    "seventy-six tags": ({"tags": [{"name": "a"}] * 76}, "/tags", "too_long"),
    "time in words": ({"scheduled_at": "tomorrow at 9am"}, "/scheduled_at", "moment"),
    "time without an offset": ({"scheduled_at": "2027-01-31T10:30:00"}, "/scheduled_at", "moment"),
    "time as a number": ({"scheduled_at": 1_800_000_000}, "/scheduled_at", "string_type"),
    "time that never is": ({"expires_at": "2027-02-31T10:30:00Z"}, "/expires_at", "moment"),
    "time in other digits": ({"expires_at": "\uff12\uff1027-02-11T10:30:00Z"}, "/expires_at", "moment"),
    "time before the first year": ({"expires_at": "0001-01-01T00:00:00+23:00"}, "/expires_at", "moment"),
    "wish that is none": ({"on_unconfirmed": "guess"}, "/on_unconfirmed", "enum"),
    "lane that is none": ({"lane": "fast"}, "/lane", "enum"),
    "stream that is a number": ({"stream": 1}, "/stream", "string_type"),
}  # fmt: skip


def faults_of(model: type[BaseModel], value: Any) -> tuple[Fault, ...]:
    found = attempt(model, value)
    assert isinstance(found, tuple), "the value was taken"
    return found


def test_an_email_needs_only_four_fields() -> None:
    """A sender, a recipient, a subject and a text are enough; everything else has a default."""
    submission = check(EmailBody, LEAST).submission()
    assert submission.message.sender.name == "Acme"
    assert [mailbox.address.email for mailbox in submission.message.to] == ["ann@example.com"]
    assert (submission.stream, submission.lane, submission.tags, submission.bcc) == (None, None, (), ())


def test_every_field_arrives() -> None:
    """The fields of Resend's clients, and Postern's own, all reach the submission."""
    submission = check(EmailBody, WHOLE).submission()
    message = message_of(submission)
    assert [(mailbox.name, mailbox.address.email) for mailbox in message.to] == [
        ("Ann", "ann@example.com"),
        (None, "bob@example.com"),
    ]
    assert [mailbox.address.email for mailbox in (*message.cc, *submission.bcc, *message.reply_to)] == [
        "cy@example.com",
        "dee@example.com",
        "help@acme.example",
    ]
    assert (message.subject, message.html, message.text) == ("Hello", "<p>Hi</p>", "Hi")
    assert message.headers == (("X-Entity-Ref-ID", "1"),)
    assert message.attachments == (
        Attachment(filename="a.txt", content=b"\x00\xffhi", content_type="text/plain", content_id=None),
        Attachment(filename="b.png", content=b"\x89PNG", content_type=None, content_id="logo"),
    )
    assert submission.tags == (("campaign", "spring"), ("bare", ""))
    assert submission.scheduled_at == datetime(2027, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
    assert (submission.stream, submission.lane) == ("invitations", Lane.BULK)
    assert submission.on_unconfirmed is OnUnconfirmed.HOLD


def test_null_is_the_same_as_nothing() -> None:
    """Clients that send every field may send null for those that they do not use."""
    optional = set(EmailBody.model_fields) - {"sender", "to", "subject", "text", "stream"}
    assert check(EmailBody, {**LEAST, **dict.fromkeys(optional)}) == check(EmailBody, LEAST)


@pytest.mark.parametrize("change, pointer, code", REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_rule_is_named_where_it_is_broken(change: dict[str, Any], pointer: str, code: str) -> None:
    """There is one fault, with a pointer into the request as sent, and a code for programs."""
    assert [(fault.pointer, fault.code) for fault in faults_of(EmailBody, {**LEAST, **change})] == [(pointer, code)]


@pytest.mark.parametrize("value", [None, [], "text", 1, True, [LEAST]])
def test_an_email_is_an_object(value: Any) -> None:
    """Any other JSON value is refused as a whole."""
    assert [fault.pointer for fault in faults_of(EmailBody, value)] == [""]


@pytest.mark.parametrize("field", [*WHOLE, "template", "unknown"])
@pytest.mark.parametrize("wrong", [SECRET + "\0", 5, [SECRET + " "], {SECRET: SECRET}, [[SECRET]]])
def test_no_fault_repeats_a_value(field: str, wrong: Any) -> None:
    """Whatever is wrong, and wherever, the answer holds no value that the client sent."""
    found = attempt(EmailBody, {**LEAST, field: wrong})
    assert "s3cret" not in repr(found if isinstance(found, tuple) else ())


def test_all_faults_are_reported_at_once() -> None:
    """One answer has all faults; a client that reads only its sentence gets the first fault and the count."""
    with pytest.raises(ValidationFailed) as refused:
        check(EmailBody, {"from": "x", "to": [1, "y"], "subject": "Hello"})
    assert [fault.pointer for fault in refused.value.faults] == ["/from", "/to/0", "/to/1"]
    assert refused.value.detail.startswith("/from: ")
    assert refused.value.detail.endswith("(2 more)")


def test_pointers_are_escaped_and_can_be_moved() -> None:
    """A pointer follows RFC 6901, and a pointer into an item of a batch starts at the batch."""
    faults = faults_of(EmailBody, {**LEAST, "headers": {"X/~A": []}})
    assert [fault.pointer for fault in below("/3", faults)] == ["/3/headers/X~1~0A"]
    assert refusal(below("/3", faults)).detail == "/3/headers/X~1~0A: Give a string."


def test_a_rescheduled_email_needs_its_new_time() -> None:
    """Resend's clients repeat the id in the body; only the time counts, and it is required."""
    body = {"id": "01900000-0000-7000-8000-000000000000", "scheduled_at": "2027-01-31T10:30:00Z"}
    assert check(RescheduleBody, body).scheduled_at == datetime(2027, 1, 31, 10, 30, tzinfo=UTC)
    assert [fault.pointer for fault in faults_of(RescheduleBody, {})] == ["/scheduled_at"]


def test_only_a_bare_address_is_suppressed() -> None:
    """An address with a name, or two addresses, are refused."""
    for spelling in ("Ann@Example.com", " Ann@Example.com\n"):
        assert check(SuppressionBody, {"email": spelling}).email == "Ann@Example.com"
    for email in ("Ann <ann@example.com>", "a@example.com,b@example.com", "", None, 5):
        assert [fault.pointer for fault in faults_of(SuppressionBody, {"email": email})] == ["/email"]


def test_a_batch_of_addresses_is_checked_as_a_whole() -> None:
    """One bad address among a hundred is found before any is suppressed."""
    emails = ["ann@example.com"] * 99
    assert len(check(SuppressBatchBody, {"emails": emails}).emails) == 99
    assert [fault.pointer for fault in faults_of(SuppressBatchBody, {"emails": [*emails, "x"]})] == ["/emails/99"]
    assert [fault.code for fault in faults_of(SuppressBatchBody, {"emails": emails * 2})] == ["too_long"]
    assert [fault.code for fault in faults_of(SuppressBatchBody, {"emails": []})] == ["too_short"]


def test_entries_are_named_by_address_or_by_id() -> None:
    """The request has either of the two, as in Resend's API; a repeated name counts once."""
    entry = "01900000-0000-7000-8000-000000000000"
    assert check(UnsuppressBatchBody, {"ids": [entry, entry]}).names == (entry,)
    for body in ({}, {"ids": [entry], "emails": ["ann@example.com"]}):
        assert [fault.code for fault in faults_of(UnsuppressBatchBody, body)] == ["one_of"]


@pytest.mark.parametrize(
    "query, code",
    [
        ({"limit": "0"}, "greater_than_equal"),
        ({"limit": "101"}, "less_than_equal"),
        ({"limit": "ten"}, "int_type"),
        ({"limit": "1_0"}, "int_type"),
        ({"limit": "+1"}, "int_type"),
        ({"limit": " 1"}, "int_type"),
        ({"limit": "9" * 50}, "int_type"),
        ({"after": "x"}, "uuid_parsing"),
        ({"after": str(datetime.now(UTC)), "offset": "1"}, "uuid_parsing"),
        ({"tag": "campaign"}, "tag"),
        ({"tag": "campaign:a b"}, "tag"),
        ({"to": "ann"}, "one_at_sign"),
        ({"since": "yesterday"}, "moment"),
    ],
)
def test_a_query_is_as_strict_as_a_body(query: dict[str, str], code: str) -> None:
    """An ambiguous parameter is refused, not guessed."""
    assert code in {fault.code for fault in faults_of(EmailsQuery, query)}


def test_a_page_has_one_direction() -> None:
    """`after` and `before` together are refused; without either it is the newest page of twenty."""
    entry = "01900000-0000-7000-8000-000000000000"
    assert check(PageQuery, {}).page().limit == 20
    assert [fault.code for fault in faults_of(PageQuery, {"after": entry, "before": entry})] == ["one_of"]


def test_a_filter_is_read_whole() -> None:
    """Every parameter of the list of emails reaches the filter."""
    query = {
        "to": "ann@example.com",
        "last_event": "bounced",
        "tag": "campaign:spring",
        "stream": "news",
        "since": "2027-01-01T00:00:00Z",
        "until": "2027-02-01T00:00:00Z",
    }
    wanted = check(EmailsQuery, query).filter()
    assert (wanted.to, wanted.last_events, wanted.tags, wanted.stream) == (
        "ann@example.com",
        ("bounced",),
        (("campaign", "spring"),),
        "news",
    )
    assert (wanted.since, wanted.until) == (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
