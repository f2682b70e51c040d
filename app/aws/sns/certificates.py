"""The certificates that sign SNS messages: when one may sign for a topic, and the pinned one.

It decides whether a certificate is usable (one RSA key of 2048 bits or more, the name of the topic's region, inside its
dates at this moment). It never decides where to fetch one from: the URL it is given has been checked by
`app.aws.sns.verifier`. Its chain is the TLS chain of the fetch; AWS publishes leaf certificates without their
intermediates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from app.aws.sns.topic_arn import TopicArn, signing_name
from app.domain.errors import PosternError
from app.domain.feedback.rejections import Reason, rejected

MIN_KEY_BITS = 2048


_NAMED = 5


class Certificates(Protocol):
    """Where the verifier gets the key that a notification names."""

    def public_key(self, url: str, topic_arn: TopicArn, /) -> RSAPublicKey:
        """Return the key behind `url` if it may sign for the topic now; else ServiceUnavailable, with the reason.

        The refusal is never final, since it rests on our own knowledge of the time and of AWS's certificates.
        """
        ...

    def mismatch(self) -> PosternError:
        """Return what to raise for a signature that was not made with the key which `public_key` returned."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCertificate:
    """What matters in an X.509 certificate: its key, the names it carries and its dates (aware UTC)."""

    key: RSAPublicKey
    names: frozenset[str]
    not_before: datetime
    not_after: datetime

    def key_for(self, topic_arn: TopicArn, now: datetime) -> RSAPublicKey:
        """Return the key; ServiceUnavailable when the certificate is another region's or outside its dates."""
        if signing_name(topic_arn) not in self.names:
            expected, found = signing_name(topic_arn), ", ".join(sorted(self.names)[:_NAMED])
            raise rejected(Reason.CERTIFICATE_OF_ANOTHER, expected=expected, found=found)
        if not self.is_valid_at(now):
            found = f"valid from {self.not_before:%Y-%m-%d} to {self.not_after:%Y-%m-%d}"
            raise rejected(Reason.CERTIFICATE_OUT_OF_DATE, expected=f"valid on {now:%Y-%m-%d}", found=found)
        return self.key

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the moment is within its dates."""
        return self.not_before <= moment <= self.not_after


def parse_certificate(pem: bytes) -> SigningCertificate:
    """Return the one certificate in the PEM text; ValueError when there is none, several, or its key is not fit."""
    if pem.count(b"-----BEGIN ") != 1:
        raise ValueError("expected exactly one PEM block, a certificate")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        names = _names(certificate)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError("the PEM block is not a readable certificate") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ValueError(f"expected an RSA key of at least {MIN_KEY_BITS} bits")
    return SigningCertificate(
        key=key,
        names=names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _names(certificate: x509.Certificate) -> frozenset[str]:
    common = {str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset(common)
    return frozenset(common | set(alternative.get_values_for_type(x509.DNSName)))


class PinnedCertificate:
    """One certificate from a file, whatever the URL: for networks without egress and for a simulator.

    It replaces the fetch and nothing else: name, dates and key size are checked as for a fetched one.
    """

    def __init__(self, pem: bytes, *, clock: Callable[[], datetime]) -> None:
        """Raise ValueError when the PEM text is not one fit certificate, so that a bad file stops the start."""
        self.certificate = parse_certificate(pem)
        self._clock = clock

    def public_key(self, _url: str, topic_arn: TopicArn, /) -> RSAPublicKey:
        """Return the pinned key if it may sign for the topic now; ServiceUnavailable otherwise."""
        return self.certificate.key_for(topic_arn, self._clock())

    def mismatch(self) -> PosternError:
        """Return a retryable error: AWS changes its certificate at least once a year, and the file stays the same."""
        return rejected(Reason.PINNED_DOES_NOT_MATCH)
