"""Only AWS speaks for AWS: whether a posted notification is believed, and the confirmation of our own subscriptions.

It decides authenticity, in the order of cost: form, topic, age and certificate URL cost nothing and come before any
network or cryptography. Nothing in a body makes it fetch an address: the certificate host is built from the
allow-listed topic, and `SubscribeURL` is never requested. It never stores, and what SES says is not its business
(`app.aws.events`).

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

from app.aws.certificates import Certificates
from app.aws.envelope import SnsEnvelope, SnsType, read_envelope
from app.aws.topic_arn import TopicArn, parse_topic_arn, signing_host
from app.domain.errors import NotAuthentic, ServiceUnavailable

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

_CERTIFICATE_NAME = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
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
    """Believes a posted body or says why not. Thread-safe when its certificates are."""

    def __init__(
        self,
        *,
        topic_arns: frozenset[str],
        certificates: Certificates,
        minimum_version: int,
        clock: Callable[[], datetime],
        max_age: timedelta = timedelta(days=7),
        max_ahead: timedelta = timedelta(minutes=5),
    ) -> None:
        """Raise ValueError for an empty allow-list, an ARN that is none, or an unknown signature version.

        `max_age` covers a dead-letter queue that is replayed days later; the store refuses duplicates by `message_id`.
        """
        if not topic_arns:
            raise ValueError("without a topic ARN to allow, every notification would be refused")
        if minimum_version not in _HASH_OF_VERSION:
            raise ValueError("the signature versions of SNS are 1 and 2")
        self._topics = {arn: parse_topic_arn(arn) for arn in topic_arns}
        self._certificates = certificates
        self._minimum_version = minimum_version
        self._clock = clock
        self._max_age = max_age
        self._max_ahead = max_ahead

    def verify(self, body: bytes, headers: Mapping[str, str]) -> SnsMessage:
        """Return the message, or raise.

        MalformedNotification when it is not an SNS message, NotAuthentic when it is not provably AWS's word to us, and
        ServiceUnavailable when its certificate cannot be had at the moment, so that SNS posts it again.
        """
        named = {name.lower(): value for name, value in headers.items()}
        # Raw delivery posts the payload without envelope or signature: nothing in it could be verified.
        if named.get("x-amz-sns-rawdelivery", "false").lower() != "false":
            raise NotAuthentic("raw message delivery carries no signature; turn it off for this subscription")
        envelope = read_envelope(body, named)
        self._check(envelope)
        return SnsMessage(
            type=envelope.type,
            message_id=envelope.message_id,
            topic_arn=envelope.topic_arn,
            message=envelope.message,
            timestamp=envelope.timestamp,
            subject=envelope.subject,
            token=envelope.token,
        )

    def _check(self, envelope: SnsEnvelope) -> None:
        """Raise unless AWS signed it, for a topic of ours, and lately."""
        topic = self._topic(envelope)
        self._check_age(envelope)
        self._check_version(envelope)
        key = self._certificates.public_key(_certificate_url(envelope, topic), topic)
        _check_signature(envelope, key)

    def _topic(self, envelope: SnsEnvelope) -> TopicArn:
        # A valid signature proves some topic of some AWS account; only this list makes it one of ours.
        topic = self._topics.get(envelope.topic_arn)
        if topic is None:
            raise NotAuthentic("the topic is not one that this gateway listens to")
        return topic

    def _check_age(self, envelope: SnsEnvelope) -> None:
        now = self._clock()
        if not now - self._max_age <= envelope.timestamp <= now + self._max_ahead:
            raise NotAuthentic("the timestamp is too old or in the future")

    def _check_version(self, envelope: SnsEnvelope) -> None:
        if envelope.signature_version < self._minimum_version:
            raise NotAuthentic(
                "the topic signs with SHA-1 and version 2 is required: set the topic's attribute SignatureVersion to 2"
            )


def _certificate_url(envelope: SnsEnvelope, topic: TopicArn) -> str:
    """Return the certificate URL when it is, letter for letter, one that the topic's own host serves."""
    url = envelope.signing_cert_url
    origin = f"https://{signing_host(topic)}"
    if not url.startswith(origin) or _CERTIFICATE_NAME.fullmatch(url[len(origin) :]) is None:
        raise NotAuthentic("the signing certificate is not from the host of the topic's region")
    return url


def _check_signature(envelope: SnsEnvelope, key: RSAPublicKey) -> None:
    if len(envelope.signature) * 8 != key.key_size:
        raise NotAuthentic("the signature is not as long as the key that should have made it")
    try:
        key.verify(
            envelope.signature, envelope.signed_bytes, PKCS1v15(), _HASH_OF_VERSION[envelope.signature_version]()
        )
    except InvalidSignature as error:
        raise NotAuthentic("the signature does not match") from error


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
            raise ServiceUnavailable("SNS did not confirm the subscription") from error
        return str(answer["SubscriptionArn"])
