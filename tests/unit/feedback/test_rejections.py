"""Every reason for which a notification is not stored, the answer to SNS, and the same table in the docs."""

import datetime as dt
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.aws.sns.certificate_cache import FetchedCertificates
from app.aws.sns.certificates import PinnedCertificate
from app.aws.sns.envelope import is_bare_event
from app.aws.sns.topic_arn import parse_topic_arn
from app.aws.sns.verifier import SnsVerifier, SubscriptionConfirmer
from app.domain.errors import PosternError, ServiceUnavailable
from app.domain.feedback.rejections import REJECTIONS, Reason, is_final, rejected
from tests.support.aws import sns_signing

NOW = dt.datetime(2026, 3, 6, 20, 0, tzinfo=dt.UTC)
OTHER = sns_signing.TOPIC_ARN.replace("ses-feedback", "another")
DOCS = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")

AWS_ALONE_CANNOT_HAVE_SAID_IT = {
    Reason.NOT_JSON,
    Reason.WRONG_FORM,
    Reason.TOO_LONG,
    Reason.RAW_DELIVERY,
    Reason.FOREIGN_TOPIC,
    Reason.TOO_OLD,
    Reason.CERTIFICATE_ELSEWHERE,
    Reason.FORGED,
}


class Host:
    """The host of the certificates: one PEM text for every URL, or no answer."""

    def __init__(self, pem: bytes | None = None) -> None:
        self._pem = pem

    def fetch(self, _url: str) -> bytes:
        if self._pem is None:
            raise ServiceUnavailable("the host is away")
        return self._pem


def clock() -> dt.datetime:
    return NOW


def of_aws(**options: Any) -> bytes:
    return sns_signing.certificate(
        sns_signing.signer().key.public_key(), **{"common_name": "sns.amazonaws.com"} | options
    )


def why(
    change: Callable[[sns_signing.Envelope], sns_signing.Envelope] = lambda envelope: envelope,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    pem: bytes | None = sns_signing.signer().certificate_pem,
    pinned: bool = False,
    version: int = 2,
    asked: int = 0,
    at: dt.datetime = NOW,
    second: dt.datetime = NOW,
) -> PosternError:
    """Return why a genuine notification is refused after this change, or under these conditions."""
    fetched = FetchedCertificates(source=Host(pem), clock=clock)
    verifier = SnsVerifier(
        topic_arns=frozenset({sns_signing.TOPIC_ARN}),
        certificates=PinnedCertificate(sns_signing.signer().certificate_pem, clock=clock) if pinned else fetched,
        minimum_version=2,
        clock=clock,
        second_clock=lambda: second,
    )
    topic = parse_topic_arn(sns_signing.TOPIC_ARN)
    for number in range(asked):
        with suppress(PosternError):
            fetched.public_key(sns_signing.certificate_url(name=f"SimpleNotificationService-{number:032x}.pem"), topic)
    posted = change(sns_signing.signer().notification("x", at=at, version=version))
    with pytest.raises(PosternError) as refusal:
        verifier.verify(sns_signing.body(posted) if body is None else body, headers or {})
    return refusal.value


def posting(**fields: str) -> Callable[[sns_signing.Envelope], sns_signing.Envelope]:
    return lambda envelope: envelope | fields


DAY = dt.timedelta(days=1)
FROM_THE_VERIFIER: dict[Reason, Callable[[], PosternError]] = {
    Reason.NOT_JSON: lambda: why(body=b"{"),
    Reason.WRONG_FORM: lambda: why(posting(MessageId="x")),
    Reason.HEADERS_DISAGREE: lambda: why(headers={"x-amz-sns-message-type": "Other"}),
    Reason.RAW_DELIVERY: lambda: why(headers={"x-amz-sns-rawdelivery": "true"}),
    Reason.FOREIGN_TOPIC: lambda: why(posting(TopicArn=sns_signing.OTHER_ACCOUNTS_TOPIC_ARN)),
    Reason.TOPIC_NOT_LISTED: lambda: why(posting(TopicArn=OTHER)),
    Reason.TOO_OLD: lambda: why(at=NOW - 16 * DAY),
    Reason.CLOCKS_DISAGREE: lambda: why(at=NOW - 16 * DAY, second=NOW - 16 * DAY),
    Reason.FROM_THE_FUTURE: lambda: why(at=NOW + DAY),
    Reason.SIGNATURE_TOO_WEAK: lambda: why(version=1),
    Reason.SIGNATURE_UNKNOWN: lambda: why(posting(SignatureVersion="3")),
    Reason.CERTIFICATE_ELSEWHERE: lambda: why(posting(SigningCertURL="https://attacker.example/x.pem")),
    Reason.CERTIFICATE_NAME_UNKNOWN: lambda: why(
        posting(SigningCertURL=sns_signing.certificate_url(name="SimpleNotificationService-new_form.pem"))
    ),
    Reason.TOO_MANY_CERTIFICATES: lambda: why(asked=10),
    Reason.CERTIFICATE_NOT_FETCHED: lambda: why(pem=None),
    Reason.CERTIFICATE_NOT_FIT: lambda: why(pem=b"<!doctype html>"),
    Reason.CERTIFICATE_OF_ANOTHER: lambda: why(pem=of_aws(common_name="sqs.amazonaws.com")),
    Reason.CERTIFICATE_OUT_OF_DATE: lambda: why(pem=of_aws(valid_to=NOW - DAY)),
    Reason.FORGED: lambda: why(posting(Message="y")),
    Reason.PINNED_DOES_NOT_MATCH: lambda: why(lambda envelope: sns_signing.forger().sign(envelope), pinned=True),
}
# Each of these has a test of its own in tests/integration/feedback/test_web_feedback.py.
FROM_THE_WEB = {
    Reason.TOO_LONG,
    Reason.ENCODED,
    Reason.CUT_OFF,
    Reason.NO_TOPIC,
    Reason.NOT_CONFIRMED,
    Reason.NOT_STORED,
}


@pytest.mark.parametrize("reason", FROM_THE_VERIFIER)
def test_each_reason_is_given_with_its_status(reason: Reason) -> None:
    """The reason is named, and the answer to SNS has the status of the table."""
    error = FROM_THE_VERIFIER[reason]()
    assert (error.reason, type(error)) == (reason, REJECTIONS[reason].error)


@pytest.mark.parametrize(
    "reason, expected, found",
    [
        (Reason.FOREIGN_TOPIC, sns_signing.TOPIC_ARN, sns_signing.OTHER_ACCOUNTS_TOPIC_ARN),
        (Reason.TOPIC_NOT_LISTED, sns_signing.TOPIC_ARN, OTHER),
        (Reason.TOO_OLD, "since 2026-02-19T20:00:00+00:00", "2026-02-18T20:00:00+00:00"),
        (Reason.FROM_THE_FUTURE, "2026-03-06T20:00:00+00:00", "2026-03-07T20:00:00+00:00"),
        (Reason.SIGNATURE_TOO_WEAK, "2", "1"),
        (Reason.SIGNATURE_UNKNOWN, "1 or 2", "3"),
        (Reason.CERTIFICATE_ELSEWHERE, "https://sns.us-west-2.amazonaws.com", "https://attacker.example"),
        (Reason.CERTIFICATE_OF_ANOTHER, "sns.amazonaws.com", "sqs.amazonaws.com"),
        (Reason.CERTIFICATE_OUT_OF_DATE, "valid on 2026-03-06", None),
    ],
)
def test_the_operator_learns_what_was_expected_and_found(reason: Reason, expected: str, found: str | None) -> None:
    """A name, a number or a time whose form was checked."""
    error = FROM_THE_VERIFIER[reason]()
    assert error.expected == expected
    assert error.found == found or (found is None and error.found)


def test_of_many_topics_the_operator_reads_five() -> None:
    """The first ones by name; the one that was found is beside them."""
    topics = [sns_signing.TOPIC_ARN.replace("ses-feedback", f"topic-{number}") for number in range(7)]
    verifier = SnsVerifier(
        topic_arns=frozenset(topics),
        certificates=FetchedCertificates(source=Host(), clock=clock),
        minimum_version=2,
        clock=clock,
    )
    with pytest.raises(ServiceUnavailable) as refusal:
        verifier.verify(sns_signing.body(sns_signing.signer().notification("x", at=NOW)), {})
    assert (refusal.value.expected, refusal.value.found) == (", ".join(topics[:5]), sns_signing.TOPIC_ARN)


@pytest.mark.parametrize(
    "body, is_one",
    [
        (b'{"eventType": "Bounce", "mail": {}}', True),
        (b'{"notificationType": "Bounce"}', True),
        (b'{"Type": "Notification", "eventType": "Bounce"}', False),
        (b'{"Type": "Notification"}', False),
        (b'{"mail": {}}', False),
        (b'["eventType"]', False),
        (b"eventType", False),
        (b"\xff", False),
    ],
)
def test_an_event_without_an_envelope_is_recognised_as_raw_delivery(body: bytes, is_one: bool) -> None:
    """SQS adds no header that would say so. Anything else is of the wrong form."""
    assert is_bare_event(body) is is_one


class RefusingSns:
    """SNS, which does not confirm a subscription, in the words of the test."""

    def __init__(self, answer: dict[str, str]) -> None:
        self._answer = answer

    def confirm_subscription(self, **_: str) -> dict[str, Any]:
        raise ClientError({"Error": self._answer}, "ConfirmSubscription")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "answer, read",
    [
        ({"Code": "AuthorizationError", "Message": "Not yours"}, "AuthorizationError: Not yours"),
        ({"Code": "AuthorizationError", "Message": "x" * 300}, "AuthorizationError: " + "x" * 180),
        ({"Code": "AuthorizationError"}, "AuthorizationError: "),
        ({"Message": "Not yours"}, "Unknown: Not yours"),
    ],
    ids=["plain", "long", "no message", "no code"],
)
def test_the_operator_learns_why_sns_did_not_confirm(answer: dict[str, str], read: str) -> None:
    """In the words of SNS, 200 characters of them at most."""
    envelope = sns_signing.signer().subscription_confirmation(at=NOW)
    certificates = FetchedCertificates(source=Host(sns_signing.signer().certificate_pem), clock=clock)
    verifier = SnsVerifier(
        topic_arns=frozenset({sns_signing.TOPIC_ARN}), certificates=certificates, minimum_version=2, clock=clock
    )
    message = verifier.verify(sns_signing.body(envelope), {})
    with pytest.raises(ServiceUnavailable) as refusal:
        SubscriptionConfirmer(clients=lambda _region: RefusingSns(answer)).confirm(message)
    assert refusal.value.reason is Reason.NOT_CONFIRMED
    assert (refusal.value.expected, refusal.value.found) == ("an ARN of a subscription", read)


def test_no_reason_is_without_a_test() -> None:
    """A new reason needs a case here that leads to it."""
    assert set(FROM_THE_VERIFIER) | FROM_THE_WEB == set(Reason) == set(REJECTIONS)


@pytest.mark.parametrize("reason", Reason)
def test_only_a_lasting_cause_is_final(reason: Reason) -> None:
    """4xx if AWS cannot have written it to us; 503 if a clock, a setting or the network may be the cause."""
    error = rejected(reason)
    assert is_final(reason) == (reason in AWS_ALONE_CANNOT_HAVE_SAID_IT)
    assert error.status == 503 or (400 <= error.status < 500 and error.status != 429)


@pytest.mark.parametrize("reason", Reason)
def test_a_rejection_says_the_usual_sentence_or_a_fuller_one(reason: Reason) -> None:
    """A more specific sentence from the place of the error replaces that of the table."""
    assert rejected(reason).detail == REJECTIONS[reason].says
    assert rejected(reason, "the topic is of another region").detail == "the topic is of another region"


def test_the_docs_have_every_reason_with_its_status() -> None:
    """The table of docs/security.md is this one."""
    table = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| \S", DOCS, flags=re.MULTILINE)
    assert dict(table) == {reason.value: str(REJECTIONS[reason].error.status) for reason in Reason}
    assert len(table) == len(Reason)
