"""The signing certificates that all processes of the gateway share in SQL: it implements `CertificateShelf`.

The database is not trusted here: an attacker who can write to it, but has no `SECRET_KEYS`, must not be able to pose as
AWS. So each row carries a keyed proof that a process with our keys fetched exactly this text from exactly this URL at
that time, over verified TLS. A row without a valid proof is ignored, and the certificate is fetched again. The contents
of the certificate (its name, key and dates) are checked again by each process, at each use.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from app.aws.sns.certificate_cache import KeptCertificate
from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.store.feedback import certificates
from app.store.feedback.certificates import StoredCertificate

log = structlog.get_logger()

PURPOSE = "signing-certificates"


class SharedCertificates:
    """Shares certificates with the other processes. Thread-safe."""

    def __init__(self, database: Database, *, keys: Mapping[bytes, bytes]) -> None:
        """`keys` make and check the proofs, the newest first: `KeyRing.derive_each`."""
        self._database = database
        self._keys = list(keys.values())

    def find(self, url: str) -> KeptCertificate | None:
        """The certificate that a process with our keys fetched from the URL. Raises `ServiceUnavailable`."""
        with self._database.asking() as connection:
            row = certificates.find(connection, url)
        if row is None:
            return None
        kept = KeptCertificate(row.pem, row.fetched_at)
        if not any(hmac.compare_digest(row.proof, _proof(key, url, kept)) for key in self._keys):
            log.warning("signing_certificate_not_ours")
            return None
        return kept

    def keep(self, url: str, kept: KeptCertificate, *, until: datetime) -> None:
        """Share it. Without a database only this process has it, which is no reason to refuse what it has signed."""
        proof = _proof(self._keys[0], url, kept)
        row = StoredCertificate(url=url, pem=kept.pem, proof=proof, fetched_at=kept.fetched_at, valid_until=until)
        try:
            with self._database.transaction() as connection:
                certificates.keep(connection, row)
        except ServiceUnavailable:
            log.warning("signing_certificate_not_shared")


def _proof(key: bytes, url: str, kept: KeptCertificate) -> bytes:
    """The keyed proof over these three. It is unambiguous, since no URL and no time contains a line feed."""
    said = f"{url}\n{kept.fetched_at.astimezone(UTC).isoformat()}\n".encode() + kept.pem
    return hashlib.blake2b(said, key=key, digest_size=32).digest()
