"""`SendEmail` of version 2, by boto3: an email in parts becomes the same email as by `/v1/emails`."""

import json
import time
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError
from flask import Response

from app.domain.apps.callers import Scope
from app.queue import Lane
from app.services.apps.app_options import AppOptions
from app.web.ses.submit import Taken
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import body_of
from tests.support.ses.door import Door, signed

SIMPLE: dict[str, Any] = {
    "FromEmailAddress": "Invites <invites@example.com>",
    "Destination": {"ToAddresses": ["Ann Lee <ann@example.net>"]},
    "Content": {"Simple": {"Subject": {"Data": "You are invited"}, "Body": {"Text": {"Data": "Come and see."}}}},
}
MIME = (
    b"From: Invites <invites@example.com>\r\nTo: ann@example.net\r\nSubject: You are invited\r\n\r\nCome and see.\r\n"
)


def sent(door: Door, subject: str) -> EmailMessage:
    """Drain the lane, and return the first message with this subject that SES got."""
    door.web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    parsed = (message_from_bytes(one.raw, policy=policy.default) for one in door.web.mailer.sent)
    return next(one for one in parsed if one["Subject"] == subject)


def refusal_of(door: Door, change: dict[str, Any], **more: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        door.client(**more).send_email(**SIMPLE | change)
    return refused.value


def test_an_email_in_parts_is_accepted_whole(door: Door) -> None:
    """All that SES's form can say is in the email that is sent, and the MessageId finds it."""
    pixel = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
    simple = {
        "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
        "Body": {"Text": {"Data": "Come."}, "Html": {"Data": '<img src="cid:pixel">'}},
        "Headers": [{"Name": "X-Campaign", "Value": "spring"}],
        "Attachments": [
            {"RawContent": b"a,b\r\n", "FileName": "list.csv", "ContentType": "text/csv"},
            {"RawContent": pixel, "FileName": "p.gif", "ContentId": "<pixel>", "ContentDisposition": "INLINE"},
        ],
    }
    answer = door.client().send_email(
        FromEmailAddress="=?UTF-8?B?SsO8cmdlbg==?= <invites@example.com>",
        FromEmailAddressIdentityArn="arn:aws:ses:eu-west-1:123456789012:identity/example.com",
        FeedbackForwardingEmailAddress="bounces@example.com",
        Destination={
            "ToAddresses": ["ann@example.net"],
            "CcAddresses": ["ben@example.net"],
            "BccAddresses": ["cleo@example.org"],
        },
        ReplyToAddresses=["desk@example.com"],
        Content={"Simple": simple},
        EmailTags=[{"Name": "kind", "Value": "invitation"}],
        ConfigurationSetName="News-Weekly",
    )
    email = door.web.email(door.web.key("invites"), answer["MessageId"])
    assert email["from"] == "Jürgen <invites@example.com>"
    assert (email["to"], email["cc"], email["bcc"]) == (
        ["ann@example.net"],
        ["ben@example.net"],
        ["cleo@example.org"],
    )
    assert (email["subject"], email["text"], email["reply_to"]) == ("Grüße", "Come.", ["desk@example.com"])
    assert (email["stream"], email["tags"]) == ("news-weekly", [{"name": "kind", "value": "invitation"}])
    message = sent(door, "Grüße")
    assert message["X-Campaign"] == "spring"
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert parts["list.csv"].get_content() == "a,b\r\n"
    assert (parts["p.gif"]["Content-ID"], parts["p.gif"].get_content()) == ("<pixel>", pixel)


def test_a_mime_message_is_accepted(door: Door) -> None:
    """`Raw` goes the way of MIME messages, with the recipients, tags and the stream that stand beside it."""
    answer = door.client().send_email(
        FromEmailAddress="invites@example.com",
        Destination={"ToAddresses": ["=?utf-8?q?Ann_L=C3=A9?= <ann@example.net>"], "BccAddresses": ["ben@example.net"]},
        Content={"Raw": {"Data": MIME}},
        EmailTags=[{"Name": "kind", "Value": "invitation"}],
        ConfigurationSetName="raw",
    )
    email = door.web.email(door.web.key("invites"), answer["MessageId"])
    assert {*email["to"], *email["bcc"]} == {"ann@example.net", "ben@example.net"}
    assert (email["stream"], email["tags"]) == ("raw", [{"name": "kind", "value": "invitation"}])


def test_a_suppressed_recipient_is_accepted_and_not_sent_to(door: Door) -> None:
    """As at SES the call succeeds; a header says that nothing will arrive, and so does the email."""
    door.web.gateway.suppress.add(ROOT, "gone@example.net", reason="By phone.")
    for content in (SIMPLE["Content"], {"Raw": {"Data": MIME}}):
        answer = door.client().send_email(
            **SIMPLE | {"Destination": {"ToAddresses": ["gone@example.net"]}, "Content": content}
        )
        assert answer["ResponseMetadata"]["HTTPHeaders"]["x-postern-suppressed"] == "1"
        email = door.web.email(door.web.key("invites"), answer["MessageId"])
        assert email["last_event"] == "suppressed"


def test_a_call_that_is_repeated_is_one_email(door: Door) -> None:
    """An SDK repeats a call under its invocation id: the answer is the same, also when the limits are used up."""
    key = door.credentials(app="repeating")
    door.web.gateway.apps.change(ROOT, "repeating", AppOptions(emails_per_day=1))
    body = json.dumps(SIMPLE).encode()
    same = {"amz-sdk-invocation-id": "4f0c6a3e-1d5f-4d7c-9a53-0b2a1d7f9e11"}
    first, again = (signed(door, key, "POST", "/v2/email/outbound-emails", body, **same) for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    other = signed(door, key, "POST", "/v2/email/outbound-emails", body.replace(b"invited", b"awaited"), **same)
    assert (other.status, other.headers["x-amzn-ErrorType"]) == (409, "ConflictException")
    new = signed(door, key, "POST", "/v2/email/outbound-emails", body, **{"amz-sdk-invocation-id": "another"})
    assert (new.status, new.headers["x-amzn-ErrorType"]) == (429, "TooManyRequestsException")


def test_an_answer_that_is_lost_costs_no_second_email(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 gives up waiting and calls again: it gets the id of the email that was accepted the first time."""
    marked, late = Taken.marked, iter([1.5])

    def answer(taken: Taken, response: Response) -> Response:
        time.sleep(next(late, 0))
        return marked(taken, response)

    monkeypatch.setattr(Taken, "marked", answer)
    sent = door.client(attempts=2, read_timeout=0.5).send_email(**SIMPLE, EmailTags=[{"Name": "call", "Value": "lost"}])
    assert sent["ResponseMetadata"]["RetryAttempts"] == 1
    assert sent["ResponseMetadata"]["HTTPHeaders"]["idempotency-replayed"] == "true"
    listed = door.web.client.get("/v1/emails?tag=call:lost", headers=door.web.key("invites"))
    assert [one["id"] for one in body_of(listed)["data"]] == [sent["MessageId"]]


@pytest.mark.parametrize(
    "change, code, words",
    [
        ({"FromEmailAddress": "kim@example.org"}, "MessageRejected", "Email address is not verified."),
        ({"Destination": {"ToAddresses": ["no address"]}}, "BadRequestException", "/Destination/ToAddresses/0"),
        ({"Destination": {}}, "BadRequestException", "/Destination: An email needs at least one recipient."),
        ({"EmailTags": [{"Name": "a b", "Value": "c"}]}, "BadRequestException", "/EmailTags/0/Name"),
        ({"ConfigurationSetName": "a b"}, "BadRequestException", "/ConfigurationSetName"),
        ({"TenantName": "acme"}, "BadRequestException", "/TenantName: Postern has no tenants"),
        ({"ListManagementOptions": {"ContactListName": "all"}}, "BadRequestException", "/ListManagementOptions"),
        ({"Content": {"Template": {"TemplateName": "welcome"}}}, "BadRequestException", "TemplateName: Postern stores"),
        ({"Content": {"Raw": {"Data": b"no header"}}}, "BadRequestException", "/Content/Raw/Data"),
        (
            {"Content": {"Raw": {"Data": b"From: kim@example.org\r\nTo: a@b.org\r\n\r\nHi"}}},
            "MessageRejected",
            "Email address is not verified.",
        ),
        ({"Content": {}}, "BadRequestException", "/Content: Give one of Simple, Raw and Template."),
        (
            {"Content": {"Simple": SIMPLE["Content"]["Simple"] | {"Headers": [{"Name": "To", "Value": "a@b.org"}]}}},
            "BadRequestException",
            "/Content/Simple/Headers/To",
        ),
    ],
)  # fmt: skip
def test_a_refusal_has_the_class_and_the_name_of_the_field(
    door: Door, change: dict[str, Any], code: str, words: str
) -> None:
    """An SDK raises the class that SES has for it, and the message names the field as SES does."""
    error = refusal_of(door, change)
    assert error.response["Error"]["Code"] == code
    assert words in error.response["Error"]["Message"]
    assert type(error).__name__ == code
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error.response["ResponseMetadata"]["RequestId"]


def test_a_key_without_the_scope_is_denied(door: Door) -> None:
    """A key that opens the door still needs the scope of what it does; one that does not open it is unknown."""
    for scopes, code in (
        ((Scope.SES, Scope.EMAILS_READ), "AccessDeniedException"),
        ((Scope.EMAILS_SEND,), "UnrecognizedClientException"),
    ):
        error = refusal_of(door, {}, as_=door.credentials(*scopes))
        assert error.response["Error"]["Code"] == code
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    "service, call, code",
    [
        ("sesv2", "get_account", "InvalidSignatureException"),
        ("ses", "get_send_quota", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_has_the_code_of_aws(door: Door, service: str, call: str, code: str) -> None:
    """Each version has its own word for it, and no SDK tries again."""
    wrong = replace(door.credentials(), secret_access_key="s" * 43)
    with pytest.raises(ClientError) as refused:
        getattr(door.client(service, as_=wrong, attempts=3), call)()
    response = refused.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 403)
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_request_without_a_signature_is_refused_unread(door: Door) -> None:
    """The refusal is that of AWS, and the body is not needed for it."""
    answer = urllib3.request("POST", f"{door.url}/v2/email/outbound-emails", body=b"{")
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")
    assert answer.json() == {"message": "Missing Authentication Token"}


def test_a_template_in_the_request_is_filled(door: Door) -> None:
    """Places get their values, as SES puts them: not escaped."""
    template = {
        "TemplateContent": {"Subject": "For {{person.name}}", "Html": "<p>{{ what }}, {{n}} of {{person.name}}</p>"},
        "TemplateData": json.dumps({"person": {"name": "Ann"}, "what": "<b>Tickets</b>", "n": 2.0}),
    }
    door.client().send_email(**SIMPLE | {"Content": {"Template": template}})
    message = sent(door, "For Ann")
    assert message.get_content().strip() == "<p><b>Tickets</b>, 2 of Ann</p>"
    error = refusal_of(door, {"Content": {"Template": template | {"TemplateData": "{}"}}})
    assert "/Content/Template/TemplateData" in error.response["Error"]["Message"]
