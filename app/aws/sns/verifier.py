"""Verify that AWS signed a posted notification for one of our topics, and confirm our own subscriptions.

It decides authenticity, in the order of cost: form, topic, age and certificate URL cost nothing and come before any
network or cryptography. Nothing in a body makes it fetch an address: the certificate host is built from the
allow-listed topic, and `SubscribeURL` is never requested. It stores nothing and does not read SES's payload
(that is `app.aws.events.notification`).

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from app.aws.sns.certificates import Certificates
from app.aws.sns.envelope import SnsEnvelope, SnsType, read_envelope
from app.aws.sns.topic_arn import TopicArn, parse_topic_arn, signing_host
from app.domain.feedback.rejections import Reason, rejected

__all__ = [
    "SnsClient",
    "SnsMessage",
    "SnsType",
    "SnsVerifier",
    "SubscriptionConfirmer",
    "TopicArn",
    "parse_topic_arn",
    "signing_host",
]

_TOPIC_HEADER = "x-amz-sns-topic-arn"

MAX_AGE = timedelta(days=15)
"""SQS keeps a message for 14 days at most; SNS has tried for an hour before that; the rest of a day is a margin."""

_CERTIFICATE_NAME = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
_PERHAPS_A_CERTIFICATE_NAME = re.compile(r"/SimpleNotificationService[A-Za-z0-9_-]{0,200}\.pem")
_HOST_OF_A_URL = re.compile(r"https://[a-zA-Z0-9.-]{1,253}")
_NAMED = 5
_LONGEST_ANSWER = 200
_HASH_OF_VERSION: Mapping[int, Callable[[], HashAlgorithm]] = {1: SHA1, 2: SHA256}


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsMessage:
    """A message that AWS signed for a topic of ours. `message` is the payload as text, `timestamp` aware UTC.

    `message_id` is the same for every delivery of one message. `token` is present on the two confirmations only.
    """

    type: SnsType
    message_id: str
    topic_arn: str
    message: str
    timestamp: datetime
    subject: str | None
    token: str | None


class SnsVerifier:
    """Accepts a posted body or says why not. Thread-safe when its certificates are."""

    def __init__(
        self,
        *,
        topic_arns: frozenset[str],
        certificates: Certificates,
        minimum_version: int,
        clock: Callable[[], datetime],
        second_clock: Callable[[], datetime] | None = None,
        max_age: timedelta = MAX_AGE,
        max_ahead: timedelta = timedelta(minutes=5),
    ) -> None:
        """Raise ValueError for an empty allow-list, an invalid ARN, or an unknown signature version.

        `max_age` covers a dead-letter queue that is replayed days later; the store refuses duplicates by `message_id`,
        and has to remember them for longer than that. A notification that is too old by `clock` is refused for good
        only when it is too old by `second_clock` too, if that is given.
        """
        if not topic_arns:
            raise ValueError("without a topic ARN to allow, every notification would be refused")
        if minimum_version not in _HASH_OF_VERSION:
            raise ValueError("the signature versions of SNS are 1 and 2")
        self.topics = {arn: parse_topic_arn(arn) for arn in topic_arns}
        self._accounts = {topic.account for topic in self.topics.values()}
        self._certificates = certificates
        self._minimum_version = minimum_version
        self._clock = clock
        self._second_clock = second_clock or clock
        self._max_age = max_age
        self._max_ahead = max_ahead

    def topic_named_in(self, headers: Mapping[str, str]) -> str | None:
        """Return the topic of ours that the headers of a request name; SNS does not sign them."""
        named = next((value for name, value in headers.items() if name.lower() == _TOPIC_HEADER), None)
        return named if named in self.topics else None

    def verify(self, body: bytes, headers: Mapping[str, str], *, of_any_age: bool = False) -> SnsMessage:
        """Return the message, or raise. A message from a queue has no headers.

        `of_any_age` is for a person who brings back what a queue has kept: the age protects a public URL against posts
        of old messages, and the store takes none twice.

        MalformedNotification when it is not an SNS message, NotAuthentic when AWS certainly did not write it to us, and
        ServiceUnavailable when the cause may be a fault of our own, so that SNS posts it again. Each error has its
        `reason` (`app.domain.feedback.rejections`).
        """
        named = {name.lower(): value for name, value in headers.items()}
        # Raw delivery posts the payload without envelope or signature: nothing in it could be verified.
        if named.get("x-amz-sns-rawdelivery", "false").lower() != "false":
            raise rejected(Reason.RAW_DELIVERY)
        envelope = read_envelope(body, named)
        self._check(envelope, of_any_age=of_any_age)
        return SnsMessage(
            type=envelope.type,
            message_id=envelope.message_id,
            topic_arn=envelope.topic_arn,
            message=envelope.message,
            timestamp=envelope.timestamp,
            subject=envelope.subject,
            token=envelope.token,
        )

    def _check(self, envelope: SnsEnvelope, *, of_any_age: bool) -> None:
        """Raise unless AWS signed it recently, or ever, for a topic of ours."""
        topic = self._topic(envelope)
        self._check_age(envelope, of_any_age=of_any_age)
        self._check_version(envelope)
        key = self._certificates.public_key(_certificate_url(envelope, topic), topic)
        if not _is_signed(envelope, key):
            raise self._certificates.mismatch()

    def _topic(self, envelope: SnsEnvelope) -> TopicArn:
        # A valid signature proves some topic of some AWS account; only this list makes it one of ours.
        topic = self.topics.get(envelope.topic_arn)
        if topic is None:
            reason = Reason.TOPIC_NOT_LISTED if self._is_of_ours(envelope.topic_arn) else Reason.FOREIGN_TOPIC
            raise rejected(reason, expected=", ".join(sorted(self.topics)[:_NAMED]), found=envelope.topic_arn)
        return topic

    def _is_of_ours(self, topic_arn: str) -> bool:
        """Whether an ARN outside the allow-list is of an account on it: then the list may be incomplete."""
        try:
            return parse_topic_arn(topic_arn).account in self._accounts
        except ValueError:
            return False

    def _check_age(self, envelope: SnsEnvelope, *, of_any_age: bool) -> None:
        now = self._clock()
        if envelope.timestamp > now + self._max_ahead:
            raise rejected(Reason.FROM_THE_FUTURE, expected=_text(now), found=_text(envelope.timestamp))
        if envelope.timestamp < now - self._max_age and not of_any_age:
            is_certain = envelope.timestamp < self._second_clock() - self._max_age
            reason = Reason.TOO_OLD if is_certain else Reason.CLOCKS_DISAGREE
            raise rejected(reason, expected=f"since {_text(now - self._max_age)}", found=_text(envelope.timestamp))

    def _check_version(self, envelope: SnsEnvelope) -> None:
        if envelope.signature_version not in _HASH_OF_VERSION:
            raise rejected(Reason.SIGNATURE_UNKNOWN, expected="1 or 2", found=str(envelope.signature_version))
        if envelope.signature_version < self._minimum_version:
            raise rejected(
                Reason.SIGNATURE_TOO_WEAK, expected=str(self._minimum_version), found=str(envelope.signature_version)
            )


def _certificate_url(envelope: SnsEnvelope, topic: TopicArn) -> str:
    """Return the certificate URL when it is, letter for letter, one that the topic's own host serves."""
    url = envelope.signing_cert_url
    origin = f"https://{signing_host(topic)}"
    path = url.removeprefix(origin)
    if not url.startswith(origin) or _PERHAPS_A_CERTIFICATE_NAME.fullmatch(path) is None:
        host = _HOST_OF_A_URL.match(url)
        raise rejected(Reason.CERTIFICATE_ELSEWHERE, expected=origin, found=host[0] if host else "no https URL")
    if _CERTIFICATE_NAME.fullmatch(path) is None:
        known = "/SimpleNotificationService-, 32 hexadecimal digits, .pem"
        raise rejected(Reason.CERTIFICATE_NAME_UNKNOWN, expected=known, found=path)
    return url


def _is_signed(envelope: SnsEnvelope, key: RSAPublicKey) -> bool:
    """Whether the signature was made with the private half of the key."""
    if len(envelope.signature) * 8 != key.key_size:
        return False
    try:
        key.verify(
            envelope.signature, envelope.signed_bytes, PKCS1v15(), _HASH_OF_VERSION[envelope.signature_version]()
        )
    except InvalidSignature:
        return False
    return True


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _answer_of(error: BotoCoreError | ClientError) -> str:
    """What SNS answered, or why it was not reached."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    answered = error.response.get("Error", {})
    return f"{answered.get('Code', 'Unknown')}: {answered.get('Message', '')}"[:_LONGEST_ANSWER]


class SnsClient(Protocol):
    """The one call to SNS that a subscription needs, in boto3's spelling."""

    def confirm_subscription(
        self,
        *,
        TopicArn: str,  # noqa: N803
        Token: str,  # noqa: N803
        AuthenticateOnUnsubscribe: str,  # noqa: N803
    ) -> Mapping[str, Any]:
        """Confirm; the answer holds `SubscriptionArn`."""
        ...


class SubscriptionConfirmer:
    """Answers a verified confirmation through the SNS API, signed with our credentials.

    From then on only a signed call can unsubscribe us (`AuthenticateOnUnsubscribe`).
    https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
    """

    def __init__(self, *, clients: Callable[[str], SnsClient]) -> None:
        """`clients` makes a client for a region (`app.aws.clients.sns_client`)."""
        self._clients = clients

    def confirm(self, message: SnsMessage) -> str:
        """Return the ARN of the subscription; ServiceUnavailable when SNS did not confirm, so that SNS asks again.

        The token of an UnsubscribeConfirmation would subscribe again: whether that is wanted is the caller's decision.
        """
        if message.token is None:
            raise ValueError("only a confirmation carries a token")
        client = self._clients(parse_topic_arn(message.topic_arn).region)
        try:
            answer = client.confirm_subscription(
                TopicArn=message.topic_arn, Token=message.token, AuthenticateOnUnsubscribe="true"
            )
        except (BotoCoreError, ClientError) as error:
            raise rejected(
                Reason.NOT_CONFIRMED, expected="an ARN of a subscription", found=_answer_of(error)
            ) from error
        return str(answer["SubscriptionArn"])
