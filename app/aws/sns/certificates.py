"""The certificates that sign SNS messages: when one may speak for a topic, and which are held.

It decides whether a certificate is usable (one RSA key of 2048 bits or more, the name of the topic's region, inside its
dates at this moment). It never decides where to fetch one from: the URL it is given has been checked by `app.aws.sns`.
Its chain is the TLS chain of the fetch; AWS publishes leaf certificates without their intermediates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from app.aws.topic_arn import TopicArn, signing_name
from app.domain.errors import NotAuthentic

MIN_KEY_BITS = 2048


class Certificates(Protocol):
    """Where the verifier gets the key that a notification names."""

    def public_key(self, url: str, topic_arn: TopicArn, /) -> RSAPublicKey:
        """Return the key behind `url` if it may sign for the topic now.

        Raises NotAuthentic when it may not, ServiceUnavailable when it cannot be had at the moment.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCertificate:
    """What counts of an X.509 certificate: its key, the names it carries and its dates (aware UTC)."""

    key: RSAPublicKey
    names: frozenset[str]
    not_before: datetime
    not_after: datetime

    def key_for(self, topic_arn: TopicArn, now: datetime) -> RSAPublicKey:
        """Return the key, or raise NotAuthentic when the certificate is another region's or outside its dates."""
        if signing_name(topic_arn) not in self.names:
            raise NotAuthentic("the signing certificate carries another name than the topic's region signs with")
        if not self.not_before <= now <= self.not_after:
            raise NotAuthentic("the signing certificate is outside its validity dates")
        return self.key


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
        self._certificate = parse_certificate(pem)
        self._clock = clock

    def public_key(self, _url: str, topic_arn: TopicArn, /) -> RSAPublicKey:
        """Return the pinned key if it may sign for the topic now; NotAuthentic otherwise."""
        return self._certificate.key_for(topic_arn, self._clock())
