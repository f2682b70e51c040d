"""Version 1 by boto3 `ses`: forms in, XML out, at the path where browsers get the front page."""

from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from botocore.exceptions import ClientError

from app.domain.apps.callers import Scope
from app.services.apps.app_options import AppOptions
from tests.support.gateway.emails import ROOT
from tests.support.ses.door import REQUESTS_PER_SECOND, Door, accords_with_the_model, signed

EMAIL: dict[str, Any] = {
    "Source": "Invites <invites@example.com>",
    "Destination": {"ToAddresses": ["ann@example.net"], "BccAddresses": ["ben@example.net"]},
    "Message": {
        "Subject": {"Data": "Grüße & <mehr>", "Charset": "UTF-8"},
        "Body": {"Text": {"Data": "Come + see."}, "Html": {"Data": "<b>Come</b>"}},
    },
}
MIME = (
    b"From: Invites <invites@example.com>\r\nTo: ann@example.net\r\nSubject: You are invited\r\n\r\nCome and see.\r\n"
)


def test_an_email_in_parts_is_accepted_whole(door: Door) -> None:
    """All that the form can say is in the email, and the MessageId finds it."""
    answer = door.client("ses").send_email(
        **EMAIL,
        ReplyToAddresses=["desk@example.com", "Help <help@example.com>"],
        ReturnPath="bounces@example.com",
        Tags=[{"Name": "kind", "Value": "invitation"}],
        ConfigurationSetName="Invitations",
    )
    accords_with_the_model("SendEmail", answer, service="ses")
    assert answer["ResponseMetadata"]["RequestId"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    email = door.web.email(door.web.key("invites"), answer["MessageId"])
    assert (email["to"], email["bcc"]) == (["ann@example.net"], ["ben@example.net"])
    assert (email["subject"], email["text"], email["html"]) == ("Grüße & <mehr>", "Come + see.", "<b>Come</b>")
    assert email["reply_to"] == ["desk@example.com", "Help <help@example.com>"]
    assert (email["stream"], email["tags"]) == ("invitations", [{"name": "kind", "value": "invitation"}])


def test_a_mime_message_is_accepted(door: Door) -> None:
    """With the recipients that stand beside it, and without."""
    for beside in ({}, {"Destinations": ["cleo@example.net"], "Source": "invites@example.com"}):
        answer = door.client("ses").send_raw_email(RawMessage={"Data": MIME}, **beside)
        accords_with_the_model("SendRawEmail", answer, service="ses")
        assert door.web.email(door.web.key("invites"), answer["MessageId"])["subject"] == "You are invited"


def test_an_empty_list_is_none(door: Door) -> None:
    """An SDK writes it as an empty text."""
    destination = {"ToAddresses": ["ann@example.net"], "CcAddresses": [], "BccAddresses": []}
    answer = door.client("ses").send_email(**EMAIL | {"Destination": destination}, ReplyToAddresses=[], Tags=[])
    assert door.web.email(door.web.key("invites"), answer["MessageId"])["cc"] == []


def test_a_suppressed_recipient_is_accepted_and_not_sent_to(door: Door) -> None:
    """As at SES the call succeeds; a header says that nothing will arrive."""
    door.web.gateway.suppress.add(ROOT, "gone@example.net", reason="By phone.")
    answer = door.client("ses").send_email(**EMAIL | {"Destination": {"ToAddresses": ["gone@example.net"]}})
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-postern-suppressed"] == "1"


def test_the_quota_is_that_of_the_application(door: Door) -> None:
    """The numbers are those of `GetAccount`."""
    door.credentials(app="limited")
    door.web.gateway.apps.change(ROOT, "limited", AppOptions(emails_per_day=100))
    quota = door.client("ses", as_=door.credentials(app="limited")).get_send_quota()
    accords_with_the_model("GetSendQuota", quota, service="ses")
    assert (quota["Max24HourSend"], quota["MaxSendRate"], quota["SentLast24Hours"]) == (100.0, REQUESTS_PER_SECOND, 0.0)


def test_an_identity_is_verified_already_or_not_for_the_caller_to_verify(door: Door) -> None:
    """A set-up script of an application that may send from the address goes on."""
    door.client("ses").verify_email_identity(EmailAddress="invites@example.com")
    with pytest.raises(ClientError, match="operators") as refused:
        door.client("ses").verify_email_identity(EmailAddress="kim@example.org")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


@pytest.mark.parametrize(
    "change, code, words",
    [
        ({"Source": "kim@example.org"}, "MessageRejected", "Email address is not verified."),
        ({"Destination": {"ToAddresses": ["no address"]}}, "InvalidParameterValue", "/Destination/ToAddresses/0"),
        ({"Destination": {}}, "InvalidParameterValue", "/Destination"),
        ({"ConfigurationSetName": "a b"}, "InvalidParameterValue", "/ConfigurationSetName"),
        ({"Tags": [{"Name": "a", "Value": "ü"}]}, "InvalidParameterValue", "/Tags/0/Value"),
    ],
)
def test_a_refusal_has_the_code_of_version_1(door: Door, change: dict[str, Any], code: str, words: str) -> None:
    """And the name of the field as version 1 has it."""
    with pytest.raises(ClientError) as refused:
        door.client("ses").send_email(**EMAIL | change)
    error: Any = refused.value.response
    assert (error["Error"]["Code"], error["Error"]["Type"]) == (code, "Sender")
    assert words in error["Error"]["Message"]
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_limit_is_throttling(door: Door) -> None:
    """This is the code after which SDKs try again."""
    client = door.client("ses", as_=door.credentials(app="throttled"))
    door.web.gateway.apps.change(ROOT, "throttled", AppOptions(emails_per_second=2))
    client.send_email(**EMAIL)
    with pytest.raises(ClientError) as refused:
        client.send_email(**EMAIL)
    assert refused.value.response["Error"]["Code"] == "Throttling"
    assert refused.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


def test_a_get_with_an_action_is_a_call_and_any_other_shows_the_front_page(door: Door) -> None:
    """Both are GET of `/`."""
    quota = signed(
        door, door.credentials(), "GET", "/?" + urlencode({"Action": "GetSendQuota", "Version": "2010-12-01"})
    )
    assert b"<Max24HourSend>-1.0</Max24HourSend>" in quota.data
    assert quota.headers["Content-Type"].startswith("text/xml")
    page = urllib3.request("GET", door.url + "/")
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")


def test_a_presigned_url_is_a_call(door: Door) -> None:
    """The parameters of its signature are no fields of the form."""
    client = door.client("ses")
    url = client.generate_presigned_url("get_send_quota", HttpMethod="GET")
    assert b"<Max24HourSend>-1.0</Max24HourSend>" in urllib3.request("GET", url).data
    broken = urllib3.request("GET", url.replace("GetSendQuota", "SendEmail"))
    assert (broken.status, b"<Code>SignatureDoesNotMatch</Code>" in broken.data) == (403, True)


@pytest.mark.parametrize(
    "form, code",
    [
        (b"", "MalformedQueryString"),
        (b"Action=Dance", "InvalidAction"),
        (b"Action=SendEmail&Action=SendEmail", "MalformedQueryString"),
        (b"Action=GetSendQuota&More=1", "InvalidParameterValue"),
        (b"Action=SendEmail&Source=%ff", "MalformedQueryString"),
        (b"Action=SendEmail&Source=a&Source.b=c", "MalformedQueryString"),
        (b"Action=SendEmail&Source.b=c&Source=a", "MalformedQueryString"),
        (b"Action=SendEmail&" + b"&".join(b"a%d=1" % number for number in range(1001)), "MalformedQueryString"),
        (b"Action=SendEmail&Source=%00", "MalformedQueryString"),
        (b"Action.a=SendEmail", "MalformedQueryString"),
    ],
)
def test_a_malformed_form_is_refused(door: Door, form: bytes, code: str) -> None:
    """The answer is XML as SES writes it, and repeats nothing of the form."""
    answer = signed(door, door.credentials(), "POST", "/", form)
    assert answer.status == 400
    assert f"<Code>{code}</Code>".encode() in answer.data


def test_a_key_needs_its_scopes(door: Door) -> None:
    """One that only opens the door may ask for its quota, and sends nothing."""
    client = door.client("ses", as_=door.credentials(Scope.SES))
    assert client.get_send_quota()["Max24HourSend"] == -1.0
    with pytest.raises(ClientError) as refused:
        client.send_email(**EMAIL)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    unsigned = urllib3.request("POST", door.url + "/", body=b"Action=GetSendQuota")
    assert (unsigned.status, b"<Code>MissingAuthenticationToken</Code>" in unsigned.data) == (403, True)
