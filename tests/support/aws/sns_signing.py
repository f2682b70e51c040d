"""A small certificate authority that signs SNS messages as AWS does, for tests.

It builds the string to sign from AWS's documentation, not with the code under test. Keys are made once
per process; certificates are valid from 2020 to 2050, so that real and fixed clocks both work.
"""

import base64
import functools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

TOPIC_ARN = "arn:aws:sns:us-west-2:123456789012:ses-feedback"
OTHER_ACCOUNTS_TOPIC_ARN = "arn:aws:sns:us-west-2:666666666666:ses-feedback"
CERTIFICATE_NAME = "SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"

VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
VALID_TO = datetime(2050, 1, 1, tzinfo=UTC)

SIGNED_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}

Envelope = dict[str, str]


@functools.cache
def rsa_key(label: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the RSA key with this label, the same one for the life of the process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate(
    public_key: object,
    *,
    common_name: str,
    alternative_names: tuple[str, ...] = (),
    valid_from: datetime = VALID_FROM,
    valid_to: datetime = VALID_TO,
) -> bytes:
    """Return a leaf certificate as PEM, issued by the test authority."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(_AUTHORITY)
        .public_key(public_key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_to)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(rsa_key("authority").public_key()), critical=False
        )
    )
    if alternative_names:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in alternative_names])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(rsa_key("authority"), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@functools.cache
def authority_certificate() -> bytes:
    """Return the certificate of the test authority itself, for a TLS client that trusts it."""
    key = rsa_key("authority")
    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_AUTHORITY)
        .issuer_name(_AUTHORITY)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_TO)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


_AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Postern test authority")])


def certificate_url(topic_arn: str = TOPIC_ARN, name: str = CERTIFICATE_NAME) -> str:
    """Return the URL under which AWS would serve the signing certificate for a topic of the standard partition."""
    return f"https://sns.{topic_arn.split(':')[3]}.amazonaws.com/{name}"


def string_to_sign(envelope: Mapping[str, str]) -> bytes:
    """Return the bytes that AWS signs: the fields of the type in order, a missing Subject left out."""
    names = SIGNED_FIELDS[envelope["Type"]]
    return "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope).encode()


def body(envelope: Mapping[str, object]) -> bytes:
    """Return the envelope as SNS posts it."""
    return json.dumps(envelope, indent=2).encode()


def headers(envelope: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that SNS sends with this envelope."""
    return {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
    }


@dataclass(frozen=True, slots=True)
class SnsSigner:
    """A signing key and its certificate, with the three envelopes that SNS posts."""

    key: rsa.RSAPrivateKey
    certificate_pem: bytes

    def sign(self, envelope: Mapping[str, str]) -> Envelope:
        """Return a copy with `Signature` set for the version that the envelope names."""
        version_1 = envelope["SignatureVersion"] == "1"
        digest = hashes.SHA1() if version_1 else hashes.SHA256()
        signature = self.key.sign(string_to_sign(envelope), padding.PKCS1v15(), digest)
        return {**envelope, "Signature": base64.b64encode(signature).decode()}

    def notification(
        self,
        message: str,
        *,
        topic_arn: str = TOPIC_ARN,
        subject: str | None = None,
        version: int = 2,
        message_id: str | None = None,
        at: datetime | None = None,
    ) -> Envelope:
        """Return a signed Notification; `at` is when SNS published it, by default now."""
        envelope = _common("Notification", message, topic_arn=topic_arn, version=version, at=at)
        if message_id is not None:
            envelope["MessageId"] = message_id
        envelope["UnsubscribeURL"] = f"{_endpoint(topic_arn)}?Action=Unsubscribe&SubscriptionArn={topic_arn}:1"
        if subject is not None:
            envelope["Subject"] = subject
        return self.sign(envelope)

    def subscription_confirmation(
        self,
        *,
        topic_arn: str = TOPIC_ARN,
        token: str = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92",
        version: int = 2,
        at: datetime | None = None,
    ) -> Envelope:
        """Return a signed SubscriptionConfirmation."""
        prose = (
            f"You have chosen to subscribe to the topic {topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
        envelope = _common("SubscriptionConfirmation", prose, topic_arn=topic_arn, version=version, at=at)
        return self.sign(envelope | _confirmation_fields(topic_arn, token))

    def unsubscribe_confirmation(
        self,
        *,
        topic_arn: str = TOPIC_ARN,
        token: str = "2336412f37fb687f5d51e6e241d638b05824e9e2f6d3b7d0e0b1a1ae3b1a5d2c",
        version: int = 2,
        at: datetime | None = None,
    ) -> Envelope:
        """Return a signed UnsubscribeConfirmation."""
        prose = (
            f"You have chosen to deactivate subscription {topic_arn}:1.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        )
        envelope = _common("UnsubscribeConfirmation", prose, topic_arn=topic_arn, version=version, at=at)
        return self.sign(envelope | _confirmation_fields(topic_arn, token))


@functools.cache
def signer(name: str = "sns.amazonaws.com") -> SnsSigner:
    """Return the signer whose certificate has this `name`: for a test, AWS in some region."""
    key = rsa_key("aws")
    return SnsSigner(key, certificate(key.public_key(), common_name=name, alternative_names=(name,)))


@functools.cache
def forger() -> SnsSigner:
    """Return a signer with its own key and a certificate that claims AWS's name."""
    key = rsa_key("forger")
    return SnsSigner(key, certificate(key.public_key(), common_name="sns.amazonaws.com"))


def _confirmation_fields(topic_arn: str, token: str) -> Envelope:
    query = f"Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}"
    return {"Token": token, "SubscribeURL": f"{_endpoint(topic_arn)}?{query}"}


def _common(type_: str, message: str, *, topic_arn: str, version: int, at: datetime | None) -> Envelope:
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return {
        "Type": type_,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic_arn,
        "Message": message,
        "Timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
        "SignatureVersion": str(version),
        "SigningCertURL": certificate_url(topic_arn),
    }


def _endpoint(topic_arn: str) -> str:
    return f"https://sns.{topic_arn.split(':')[3]}.amazonaws.com/"
