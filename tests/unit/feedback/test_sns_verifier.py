"""The SNS verifier beyond its corpus: totality, unambiguous signatures, set-up errors and confirmation."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from app.aws.certificates import PinnedCertificate
from app.aws.envelope import read_envelope
from app.aws.nesting import MAX_DEPTH, nests_too_deep
from app.aws.sns import SnsMessage, SnsType, SnsVerifier, SubscriptionConfirmer
from app.aws.topic_arn import parse_topic_arn, signing_host, signing_name
from app.domain.errors import MalformedNotification, NotAuthentic, ServiceUnavailable
from tests import signing

NOW = dt.datetime(2026, 3, 6, 20, 0, tzinfo=dt.UTC)


def clock() -> dt.datetime:
    return NOW


def verifier(**options: Any) -> SnsVerifier:
    settings: dict[str, Any] = {
        "topic_arns": frozenset({signing.TOPIC_ARN}),
        "certificates": PinnedCertificate(signing.signer().certificate_pem, clock=clock),
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
        "Type",
        "MessageId",
        "TopicArn",
        "Message",
        "Timestamp",
        "Subject",
        "Token",
        "SubscribeURL",
        "Signature",
        "SignatureVersion",
        "SigningCertURL",
    ]
)
any_text = st.text(st.characters(exclude_categories=()))


@given(st.binary())
def test_any_bytes_are_refused_as_malformed(body: bytes) -> None:
    """Whatever is posted, nothing but MalformedNotification comes out of a body that is no SNS message."""
    with pytest.raises(MalformedNotification):
        verifier().verify(body, {})


@given(json_values)
def test_any_json_is_refused_as_malformed(value: object) -> None:
    """JSON of any shape is no SNS message and never an exception of another kind."""
    with pytest.raises(MalformedNotification):
        verifier().verify(json.dumps(value).encode(), {})


@given(st.dictionaries(field_names, json_values | any_text, min_size=1))
def test_a_genuine_notification_with_any_field_changed_is_refused_or_unchanged(changes: dict[str, object]) -> None:
    """An alteration of any field, to anything, is refused with one of the two verdicts that SNS never repeats."""
    genuine = signing.signer().notification("said by AWS", at=NOW, message_id="9d2c5580-b61d-550c-8583-37a582870907")
    posted: dict[str, object] = {**genuine, **changes}
    try:
        message = verifier().verify(json.dumps(posted).encode(), {})
    except (MalformedNotification, NotAuthentic):
        return
    assert (message.message, message.message_id) == ("said by AWS", genuine["MessageId"])
    assert (message.type, message.topic_arn, message.subject) == ("Notification", signing.TOPIC_ARN, None)


@given(st.data())
def test_a_genuine_body_with_bytes_changed_never_says_anything_else(data: st.DataObject) -> None:
    """Bytes replaced, cut or inserted anywhere leave a body that is refused or that says what AWS said."""
    genuine = signing.signer().notification("said by AWS", at=NOW)
    body = signing.body(genuine)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 40)))
    posted = body[:start] + data.draw(st.binary(max_size=20)) + body[end:]
    try:
        message = verifier().verify(posted, {})
    except (MalformedNotification, NotAuthentic):
        return
    assert (message.message, message.message_id) == ("said by AWS", genuine["MessageId"])


pieces = st.sampled_from(
    [
        *("Message", "MessageId", "Timestamp", "TopicArn", "Type", "Notification", "Subject", "\n", "x"),
        *(signing.TOPIC_ARN, "2026-03-06T20:00:00.000Z", "9d2c5580-b61d-550c-8583-37a582870907"),
    ]
)


@given(st.lists(pieces, max_size=30).map("".join), st.none() | st.just("Subject") | st.just("x"))
def test_the_signed_bytes_can_be_cut_in_one_way_only(message: str, subject: str | None) -> None:
    """A second reader that starts from the end of the signed bytes finds the same fields, whatever Message imitates."""
    genuine = signing.signer().notification(message, subject=subject, at=NOW)
    envelope = read_envelope(signing.body(genuine), {})
    assert envelope.signed_bytes == signing.string_to_sign(genuine)
    assert cut_from_the_end(envelope.signed_bytes.decode()) == {
        name: genuine[name] for name in signing.SIGNED_FIELDS["Notification"] if name in genuine
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
    """Of any text that is JSON, the measure says exactly whether the parsed value nests deeper than the bound."""
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert nests_too_deep(text) == (depth(value) > MAX_DEPTH)


@pytest.mark.parametrize("levels", [1, MAX_DEPTH, MAX_DEPTH + 1, 10 * MAX_DEPTH])
def test_nesting_beyond_the_bound_is_told(levels: int) -> None:
    """The bound itself passes, one level more does not; brackets in strings do not count."""
    text = '["' + "[" * 200 + '",' + "[" * (levels - 1) + "]" * levels
    assert nests_too_deep(text) == (levels > MAX_DEPTH)


def test_measuring_an_unfinished_string_takes_linear_time() -> None:
    """Quotes that never close and a lone backslash at the end do not make the measure start over and over."""
    assert not nests_too_deep('"' + "[" * 200 + '\\"' * 300_000 + "\\")


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


def test_a_verifier_without_topics_does_not_start() -> None:
    """An empty allow-list is an error at start, not a gateway that refuses everything."""
    with pytest.raises(ValueError, match="topic ARN"):
        verifier(topic_arns=frozenset())


@pytest.mark.parametrize("version", [0, 3])
def test_an_unknown_minimum_version_does_not_start(version: int) -> None:
    """SNS has the signature versions 1 and 2."""
    with pytest.raises(ValueError, match="1 and 2"):
        verifier(minimum_version=version)


def test_no_refusal_repeats_what_was_posted() -> None:
    """The detail of a refusal names a rule and never a value of the sender."""
    posted = signing.signer().notification("secret-in-message", at=NOW) | {"Subject": "secret\nsubject"}
    with pytest.raises(MalformedNotification) as refusal:
        verifier().verify(signing.body(posted), {"x-amz-sns-message-type": "secret-in-header"})
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
    """Every partition has its own DNS suffix, and some regions sign by a name of their own."""
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
def test_what_is_no_topic_arn_is_refused(text: str) -> None:
    """A host is only ever built from an ARN that is one, in a partition whose hosts are known."""
    with pytest.raises(ValueError, match="ARN"):
        parse_topic_arn(text)


class RecordingSns:
    """SNS as far as a confirmation goes: keeps the calls, answers or fails as told."""

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


def verified(envelope: signing.Envelope) -> SnsMessage:
    return verifier().verify(signing.body(envelope), signing.headers(envelope))


def test_a_confirmation_calls_sns_in_the_topics_region_with_the_verified_token() -> None:
    """Confirmed by topic and token through the API, so that later only a signed call unsubscribes."""
    sns = RecordingSns()
    envelope = signing.signer().subscription_confirmation(at=NOW)
    assert SubscriptionConfirmer(clients=sns.in_region).confirm(verified(envelope)) == f"{signing.TOPIC_ARN}:1"
    assert sns.regions == ["us-west-2"]
    assert sns.calls == [
        {"TopicArn": signing.TOPIC_ARN, "Token": envelope["Token"], "AuthenticateOnUnsubscribe": "true"}
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
    message = verified(signing.signer().subscription_confirmation(at=NOW))
    with pytest.raises(ServiceUnavailable):
        SubscriptionConfirmer(clients=RecordingSns(failure).in_region).confirm(message)


def test_a_notification_cannot_be_confirmed() -> None:
    """Without a token there is nothing to confirm, and SNS is not called."""
    sns = RecordingSns()
    message = verified(signing.signer().notification("x", at=NOW))
    assert message.type is SnsType.NOTIFICATION
    with pytest.raises(ValueError, match="token"):
        SubscriptionConfirmer(clients=sns.in_region).confirm(message)
    assert sns.regions == []
