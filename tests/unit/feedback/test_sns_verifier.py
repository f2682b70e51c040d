"""The SNS verifier beyond its corpus: any input, unambiguous signatures, set-up errors and confirmation."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from app.aws.events.json_depth import MAX_DEPTH, holds_too_much, nests_too_deep
from app.aws.sns.certificate_cache import FetchedCertificates
from app.aws.sns.envelope import read_envelope
from app.aws.sns.topic_arn import parse_topic_arn, signing_host, signing_name
from app.aws.sns.verifier import SnsMessage, SnsType, SnsVerifier, SubscriptionConfirmer
from app.domain.errors import MalformedNotification, NotAuthentic, ServiceUnavailable
from tests.support.aws import sns_signing

NOW = dt.datetime(2026, 3, 6, 20, 0, tzinfo=dt.UTC)


def clock() -> dt.datetime:
    return NOW


class CertificateHost:
    """Serves the certificate of AWS for every URL."""

    def fetch(self, _url: str) -> bytes:
        return sns_signing.signer().certificate_pem


def verifier(**options: Any) -> SnsVerifier:
    settings: dict[str, Any] = {
        "topic_arns": frozenset({sns_signing.TOPIC_ARN}),
        "certificates": FetchedCertificates(source=CertificateHost(), clock=clock),
        "minimum_version": 1,
        "clock": clock,
    }
    return SnsVerifier(**settings | options)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(
    [
        *("Type", "MessageId", "TopicArn", "Message", "Timestamp", "Subject", "Token"),
        *("SubscribeURL", "Signature", "SignatureVersion", "SigningCertURL"),
    ]
)
any_text = st.text(st.characters(exclude_categories=()))


@given(st.binary())
def test_any_bytes_are_refused_as_malformed(body: bytes) -> None:
    """A body that is not an SNS message always raises MalformedNotification and nothing else."""
    with pytest.raises(MalformedNotification):
        verifier().verify(body, {})


@given(json_values)
def test_any_json_is_refused_as_malformed(value: object) -> None:
    """JSON of any shape is not an SNS message, and raises no other exception."""
    with pytest.raises(MalformedNotification):
        verifier().verify(json.dumps(value).encode(), {})


@given(st.dictionaries(field_names, json_values | any_text, min_size=1))
def test_a_genuine_notification_with_any_field_changed_is_refused_or_unchanged(changes: dict[str, object]) -> None:
    """A changed value in any field is never accepted, whatever the answer to SNS is."""
    genuine = sns_signing.signer().notification(
        "said by AWS", at=NOW, message_id="9d2c5580-b61d-550c-8583-37a582870907"
    )
    posted: dict[str, object] = {**genuine, **changes}
    try:
        message = verifier().verify(json.dumps(posted).encode(), {})
    except (MalformedNotification, NotAuthentic, ServiceUnavailable):
        return
    assert (message.message, message.message_id) == ("said by AWS", genuine["MessageId"])
    assert (message.type, message.topic_arn, message.subject) == ("Notification", sns_signing.TOPIC_ARN, None)


@given(st.data())
def test_a_genuine_body_with_changed_bytes_is_refused_or_unchanged_in_meaning(data: st.DataObject) -> None:
    """With bytes replaced, cut or inserted anywhere, a body is refused or still has the content that AWS signed."""
    genuine = sns_signing.signer().notification("said by AWS", at=NOW)
    body = sns_signing.body(genuine)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    posted = body[:start] + data.draw(st.binary(max_size=20)) + body[end:]
    try:
        message = verifier().verify(posted, {})
    except (MalformedNotification, NotAuthentic, ServiceUnavailable):
        return
    assert (message.message, message.message_id) == ("said by AWS", genuine["MessageId"])


pieces = st.sampled_from(
    [
        *("Message", "MessageId", "Timestamp", "TopicArn", "Type", "Notification", "Subject", "\n", "x"),
        *(sns_signing.TOPIC_ARN, "2026-03-06T20:00:00.000Z", "9d2c5580-b61d-550c-8583-37a582870907"),
    ]
)


@given(st.lists(pieces, max_size=30).map("".join), st.none() | st.just("Subject") | st.just("x"))
def test_the_signed_bytes_can_be_cut_in_one_way_only(message: str, subject: str | None) -> None:
    """A second reader that starts from the end of the signed bytes finds the same fields, whatever Message imitates."""
    genuine = sns_signing.signer().notification(message, subject=subject, at=NOW)
    envelope = read_envelope(sns_signing.body(genuine), {})
    assert envelope.signed_bytes == sns_signing.string_to_sign(genuine)
    assert cut_from_the_end(envelope.signed_bytes.decode()) == {
        name: genuine[name] for name in sns_signing.SIGNED_FIELDS["Notification"] if name in genuine
    }


def cut_from_the_end(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    while not text.count("\n") or not fields.get("MessageId"):
        head, name, value = text.removesuffix("\n").rsplit("\n", 2)
        fields[name] = value
        text = head + "\n"
    return fields | {"Message": text.removeprefix("Message\n").removesuffix("\n")}


@given(st.text(alphabet='[]{}"\\a', max_size=400))
def test_nesting_is_measured_as_the_parser_would_meet_it(text: str) -> None:
    """For any JSON text, the check says exactly whether the parsed value nests deeper than the bound."""
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert nests_too_deep(text) == (depth(value) > MAX_DEPTH)


@pytest.mark.parametrize("levels", [1, MAX_DEPTH, MAX_DEPTH + 1, 10 * MAX_DEPTH])
def test_nesting_beyond_the_bound_is_detected(levels: int) -> None:
    """The bound itself passes, one level more does not; brackets in strings do not count."""
    text = '["' + "[" * 200 + '",' + "[" * (levels - 1) + "]" * levels
    assert nests_too_deep(text) == (levels > MAX_DEPTH)


def test_measuring_an_unfinished_string_takes_linear_time() -> None:
    """Unclosed quotes and a trailing backslash do not make the check start over and over."""
    assert not nests_too_deep('"' + "[" * 200 + '\\"' * 300_000 + "\\")


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


def test_a_verifier_without_topics_does_not_start() -> None:
    """An empty allow-list is an error at startup, instead of a gateway that refuses everything."""
    with pytest.raises(ValueError, match="topic ARN"):
        verifier(topic_arns=frozenset())


@pytest.mark.parametrize(
    "headers, named",
    [
        ({"X-Amz-Sns-Topic-Arn": sns_signing.TOPIC_ARN}, sns_signing.TOPIC_ARN),
        ({"x-amz-sns-topic-arn": sns_signing.TOPIC_ARN, "x-other": "x"}, sns_signing.TOPIC_ARN),
        ({"x-amz-sns-topic-arn": sns_signing.OTHER_ACCOUNTS_TOPIC_ARN}, None),
        ({"x-other": sns_signing.TOPIC_ARN}, None),
        ({}, None),
    ],
)
def test_a_request_names_a_topic_of_ours_by_its_header(headers: dict[str, str], named: str | None) -> None:
    """In whatever case the header is written; a topic that is not on the list is none."""
    assert verifier().topic_named_in(headers) == named


@pytest.mark.parametrize("version", [0, 3])
def test_an_unknown_minimum_version_does_not_start(version: int) -> None:
    """SNS has the signature versions 1 and 2."""
    with pytest.raises(ValueError, match="1 and 2"):
        verifier(minimum_version=version)


def test_no_refusal_repeats_a_posted_value() -> None:
    """The detail of a refusal names a rule and never a posted value."""
    posted = sns_signing.signer().notification("secret-in-message", at=NOW) | {"Subject": "secret\nsubject"}
    for headers in ({}, {"x-amz-sns-message-type": "secret-in-header"}):
        with pytest.raises((MalformedNotification, ServiceUnavailable)) as refusal:
            verifier().verify(sns_signing.body(posted), headers)
        assert "secret" not in refusal.value.detail


@pytest.mark.parametrize(
    "partition, region, host, name",
    [
        ("aws", "us-east-1", "sns.us-east-1.amazonaws.com", "sns.amazonaws.com"),
        ("aws", "ap-east-2", "sns.ap-east-2.amazonaws.com", "sns-signing.ap-east-2.amazonaws.com"),
        ("aws-cn", "cn-north-1", "sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-east-1", "sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
        (
            "aws-eusc",
            "eusc-de-east-1",
            "sns.eusc-de-east-1.amazonaws.eu",
            "sns-signing.eusc-de-east-1.amazonaws.eu",
        ),
    ],
)
def test_a_topic_arn_decides_host_and_name_of_its_certificates(
    partition: str, region: str, host: str, name: str
) -> None:
    """Every partition has its own DNS suffix, and some regions have certificates with their own name."""
    arn = f"arn:{partition}:sns:{region}:123456789012:ses-feedback"
    topic = parse_topic_arn(arn)
    assert (str(topic), signing_host(topic), signing_name(topic)) == (arn, host, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn:aws:sns:us-east-1:123456789012",
        "arn:aws:sns:us-east-1:123456789012:",
        "arn:aws:sns:us-east-1:12345678901:t",
        "arn:aws:sqs:us-east-1:123456789012:t",
        "arn:aws:sns:us-east-1:123456789012:t.fifo",
        "arn:aws:sns:us-east-1:123456789012:t\n",
        "arn:aws:sns:us-east-1:123456789012:t:subscription",
        "arn:aws:sns:s3:123456789012:t",
        "arn:aws:sns:us-east-1.attacker.example/:123456789012:t",
        "arn:aws:sns:cn-north-1:123456789012:t",
        "arn:aws-cn:sns:us-east-1:123456789012:t",
        "arn:aws-iso:sns:us-iso-east-1:123456789012:t",
        "ARN:AWS:SNS:US-EAST-1:123456789012:T",
    ],
)
def test_an_invalid_topic_arn_is_refused(text: str) -> None:
    """A host name is built only from a valid ARN in a partition whose hosts are known."""
    with pytest.raises(ValueError, match="ARN"):
        parse_topic_arn(text)


class RecordingSns:
    """The part of SNS that a confirmation needs: it records calls, and answers or fails as the test says."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[dict[str, str]] = []
        self.regions: list[str] = []
        self._failure = failure

    def in_region(self, region: str) -> "RecordingSns":
        self.regions.append(region)
        return self

    def confirm_subscription(self, **arguments: str) -> Mapping[str, Any]:
        self.calls.append(arguments)
        if self._failure is not None:
            raise self._failure
        return {"SubscriptionArn": f"{arguments['TopicArn']}:1"}


def verified(envelope: sns_signing.Envelope) -> SnsMessage:
    return verifier().verify(sns_signing.body(envelope), sns_signing.headers(envelope))


def test_a_confirmation_calls_sns_in_the_topics_region_with_the_verified_token() -> None:
    """It confirms by topic and token through the API, so that later only a signed call can unsubscribe."""
    sns = RecordingSns()
    envelope = sns_signing.signer().subscription_confirmation(at=NOW)
    assert SubscriptionConfirmer(clients=sns.in_region).confirm(verified(envelope)) == f"{sns_signing.TOPIC_ARN}:1"
    assert sns.regions == ["us-west-2"]
    assert sns.calls == [
        {"TopicArn": sns_signing.TOPIC_ARN, "Token": envelope["Token"], "AuthenticateOnUnsubscribe": "true"}
    ]


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "InvalidParameter", "Message": "token"}}, "ConfirmSubscription"),
        EndpointConnectionError(endpoint_url="https://sns.us-west-2.amazonaws.com"),
    ],
    ids=["refused", "away"],
)
def test_a_confirmation_that_sns_does_not_take_is_put_off(failure: Exception) -> None:
    """SNS posts the confirmation again, so the cause can be repaired meanwhile."""
    message = verified(sns_signing.signer().subscription_confirmation(at=NOW))
    with pytest.raises(ServiceUnavailable):
        SubscriptionConfirmer(clients=RecordingSns(failure).in_region).confirm(message)


def test_a_notification_cannot_be_confirmed() -> None:
    """Without a token SNS is not called."""
    sns = RecordingSns()
    message = verified(sns_signing.signer().notification("x", at=NOW))
    assert message.type is SnsType.NOTIFICATION
    with pytest.raises(ValueError, match="token"):
        SubscriptionConfirmer(clients=sns.in_region).confirm(message)
    assert sns.regions == []


def test_a_body_of_many_values_is_refused_before_it_is_parsed() -> None:
    """An unverified body with a megabyte of values is never built; values in the text of a message do not count."""
    body = json.dumps({"Type": "Notification", "Message": list(range(100_000))}).encode()
    with pytest.raises(MalformedNotification, match="holds more"):
        read_envelope(body, {})
    assert not holds_too_much(json.dumps({"Message": "[{:," * 10_000}), at_most=10)
    assert holds_too_much(json.dumps([1] * 12), at_most=11)
