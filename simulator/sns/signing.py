"""The key that signs notifications, its certificate, which Postern is set to trust, and the string to sign.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from simulator.iam.arns import dns_suffix, partition_of

CERTIFICATE_FILE = "sns-signing.pem"
KEY_FILE = "sns-signing.key"
VALIDITY = timedelta(days=398)
RENEW_BEFORE = timedelta(days=7)

# Opt-in regions that were launched after 2019 have certificates with a name of their own.
REGIONS_WITH_OWN_NAME = frozenset(
    {
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "me-south-1",
        "me-central-1",
        "eu-south-1",
        "eu-south-2",
        "eu-central-2",
        "af-south-1",
        "il-central-1",
        "ca-west-1",
        "mx-central-1",
    }
)

NOTIFICATION_FIELDS = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
HANDSHAKE_FIELDS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def certificate_name(region: str) -> str:
    """Return for which name the certificate of a region is, by the table in AWS's own SDK for Java."""
    if region in REGIONS_WITH_OWN_NAME:
        return f"sns-signing.{region}.amazonaws.com"
    if partition_of(region) == "aws-cn":
        return f"sns-{region}.amazonaws.com.cn"
    return "sns-us-gov-west-1.amazonaws.com" if partition_of(region) == "aws-us-gov" else "sns.amazonaws.com"


def string_to_sign(envelope: Mapping[str, str]) -> bytes:
    """Return the canonical text of a notification or handshake, without Subject if there is none."""
    fields = NOTIFICATION_FIELDS if envelope["Type"] == "Notification" else HANDSHAKE_FIELDS
    return "".join(f"{name}\n{envelope[name]}\n" for name in fields if name in envelope).encode()


class Signer:
    """Signs as SNS of one region does, with a key and a self-signed certificate kept in the data directory."""

    def __init__(self, data: Path, *, region: str, now: datetime) -> None:
        self.certificate_path = data / CERTIFICATE_FILE
        key_path = data / KEY_FILE
        name = certificate_name(region)
        if not _is_usable(self.certificate_path, key_path, name=name, now=now):
            _make(self.certificate_path, key_path, name=name, now=now)
        # It is the key that was made below: to look for a weakness in it takes longer than all else at the start.
        key = serialization.load_pem_private_key(
            key_path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{key_path} holds no RSA key")
        self._key = key
        fingerprint = hashlib.sha256(self.certificate_path.read_bytes()).hexdigest()[:32]
        self.certificate_url = f"https://sns.{region}.{dns_suffix(region)}/SimpleNotificationService-{fingerprint}.pem"

    def signed(self, envelope: Mapping[str, str], version: str) -> dict[str, str]:
        """Return the envelope with its signature; version "1" is SHA-1, "2" is SHA-256."""
        digest: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - SNS's version 1
        signature = self._key.sign(string_to_sign(envelope), padding.PKCS1v15(), digest)
        return dict(envelope) | {
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": self.certificate_url,
        }


def _is_usable(certificate_path: Path, key_path: Path, *, name: str, now: datetime) -> bool:
    if not (certificate_path.exists() and key_path.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names == [name] and now < certificate.not_valid_after_utc - RENEW_BEFORE


def new_key() -> rsa.RSAPrivateKey:
    """Return a key as long as those of SNS."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _make(certificate_path: Path, key_path: Path, *, name: str, now: datetime) -> None:
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(days=1))
        .not_valid_after(now.astimezone(UTC) + VALIDITY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key_path.touch(mode=0o600)
    key_path.write_bytes(private)
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
