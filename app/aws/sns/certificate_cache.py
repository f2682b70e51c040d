"""Signing certificates over HTTPS: fetched once, remembered for a day, and never fetched faster than a budget.

It decides when to fetch and for how long an answer holds, good or bad. It never decides whether a URL may be fetched
(`app.aws.sns.verifier` has compared it with the topic's own host) nor whether a certificate may sign
(`app.aws.sns.certificates`). The processes of the gateway share what they have fetched, so that a new process accepts
genuine notifications at once. Only a name that no process has ever fetched is subject to the budget
(`app.aws.sns.fetch_budget`).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import urllib3
from botocore.httpsession import get_cert_path
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.aws.sns.certificates import SigningCertificate, parse_certificate
from app.aws.sns.fetch_budget import FetchBudget, within
from app.aws.sns.topic_arn import TopicArn
from app.domain.errors import PosternError, ServiceUnavailable
from app.domain.feedback.rejections import Reason, rejected

MAX_CERTIFICATE_BYTES = 16 * 1024
_CONNECT_OR_READ_SECONDS = 2.0
_FETCH_SECONDS = 3.0
_PATIENCE_S = 2.0

_MAX_CERTIFICATES = 10
_CERTIFICATE_TTL = timedelta(hours=24)
_FAILURE_TTL = timedelta(seconds=60)


class CertificateSource(Protocol):
    """Where the PEM text behind a URL comes from."""

    def fetch(self, url: str) -> bytes:
        """Return the body behind the URL, or raise ServiceUnavailable."""
        ...


class HttpsCertificateSource:
    """The PEM text over HTTPS: TLS verified, no redirect, no proxy from the environment, bounded in bytes and time.

    The trust store is the one that boto3 uses, unless a file is named.
    """

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._http = https_connections(ca_file)

    def fetch(self, url: str) -> bytes:
        """Return at most 16 KiB within 5 seconds, or raise ServiceUnavailable."""
        deadline = time.monotonic() + _FETCH_SECONDS
        try:
            response = self._http.request("GET", url, redirect=False, preload_content=False, decode_content=False)
            try:
                if response.status != 200:
                    raise ServiceUnavailable("the host of the signing certificate did not serve it")
                return _bounded(response, deadline)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ServiceUnavailable("the signing certificate could not be fetched") from error


def https_connections(ca_file: str | None) -> urllib3.PoolManager:
    """Connections that verify TLS, by the authorities of the file or those of boto3, and try each call once."""
    return urllib3.PoolManager(
        num_pools=2,
        maxsize=1,
        retries=False,
        timeout=urllib3.Timeout(connect=_CONNECT_OR_READ_SECONDS, read=_CONNECT_OR_READ_SECONDS),
        cert_reqs="CERT_REQUIRED",
        ca_certs=ca_file or get_cert_path(verify=True),
    )


def _bounded(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(4096):
        body += chunk
        if len(body) > MAX_CERTIFICATE_BYTES or time.monotonic() > deadline:
            raise ServiceUnavailable("the host of the signing certificate sent too much or too slowly")
    return bytes(body)


@dataclass(frozen=True, slots=True)
class KeptCertificate:
    """The PEM text of a certificate as it was fetched, and when (aware UTC)."""

    pem: bytes
    fetched_at: datetime


class CertificateShelf(Protocol):
    """Where all processes of a gateway keep what they have fetched."""

    def find(self, url: str) -> KeptCertificate | None:
        """Return what one of them fetched from the URL, and nothing that another program has put there.

        Raises ServiceUnavailable when the shelf cannot be read.
        """
        ...

    def keep(self, url: str, kept: KeptCertificate, *, until: datetime) -> None:
        """Keep it for the others, at least until its dates end; never raises for trouble of the shelf."""
        ...


class NoShelf:
    """The shelf of a process that shares with no other."""

    def find(self, _url: str) -> None:
        """Nothing is kept."""

    def keep(self, _url: str, _kept: KeptCertificate, *, until: datetime) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class _Cached:
    certificate: SigningCertificate
    since: datetime


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why there is no certificate; `lasts`: the same answer holds for a while, without another try."""

    reason: Reason
    detail: str | None
    since: datetime
    lasts: bool = True


class FetchedCertificates:
    """Certificates by URL, each fetched by one thread while the others wait for its answer. Thread-safe."""

    def __init__(
        self, *, source: CertificateSource, clock: Callable[[], datetime], shelf: CertificateShelf | None = None
    ) -> None:
        self._source = source
        self._clock = clock
        self._shelf = shelf or NoShelf()
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, _Cached] = OrderedDict()
        self._failed: dict[str, _Failed] = {}
        self._flights: dict[str, Future[_Cached | _Failed]] = {}
        self._budget = FetchBudget()

    def public_key(self, url: str, topic_arn: TopicArn, /) -> RSAPublicKey:
        """Return the key behind `url` if it may sign for the topic now; else ServiceUnavailable, with the reason."""
        answer = self._answer(url)
        if isinstance(answer, _Failed):
            raise rejected(answer.reason, answer.detail)
        return answer.certificate.key_for(topic_arn, self._clock())

    def mismatch(self) -> PosternError:
        """Return the error for a signature that the key behind its own URL did not make: it is certainly forged."""
        return rejected(Reason.FORGED)

    def _answer(self, url: str) -> _Cached | _Failed:
        with self._lock:
            now = self._clock()
            cached = self._cached.get(url)
            if cached is not None and within(_CERTIFICATE_TTL, cached.since, now):
                self._cached.move_to_end(url)
                return cached
            failed = self._failed.get(url)
            if failed is not None and within(_FAILURE_TTL, failed.since, now):
                return failed
            flight = self._flights.get(url)
            leads = flight is None
            if flight is None:
                flight = self._flights[url] = Future()
        if leads:
            self._fly(url, flight, known=cached is not None)
        try:
            return flight.result(timeout=_PATIENCE_S)
        except TimeoutError:
            raise rejected(Reason.CERTIFICATE_NOT_FETCHED, "the signing certificate is still being fetched") from None

    def _fly(self, url: str, flight: Future[_Cached | _Failed], *, known: bool) -> None:
        answer: _Cached | _Failed = _Failed(Reason.CERTIFICATE_NOT_FETCHED, None, self._clock())
        try:
            answer = self._look(url, known=known)
        finally:
            with self._lock:
                del self._flights[url]
                self._remember(url, answer)
            flight.set_result(answer)

    def _look(self, url: str, *, known: bool) -> _Cached | _Failed:
        """Take it from the shelf if it is there and fresh; else fetch it, if its name has a history or the budget."""
        now = self._clock()
        try:
            kept = self._shelf.find(url)
        except ServiceUnavailable as error:
            return _Failed(Reason.CERTIFICATE_NOT_FETCHED, error.detail, now, lasts=False)
        if kept is not None and within(_CERTIFICATE_TTL, kept.fetched_at, now):
            return self._parsed(kept)
        if not (known or kept is not None or self._admits(url, now)):
            return _Failed(Reason.TOO_MANY_CERTIFICATES, None, now, lasts=False)
        try:
            fetched = KeptCertificate(self._source.fetch(url), self._clock())
        except ServiceUnavailable as error:
            return _Failed(Reason.CERTIFICATE_NOT_FETCHED, error.detail, self._clock())
        answer = self._parsed(fetched)
        if isinstance(answer, _Cached):
            self._shelf.keep(url, fetched, until=answer.certificate.not_after)
        return answer

    def _admits(self, url: str, now: datetime) -> bool:
        with self._lock:
            return self._budget.admits(url, now)

    def _parsed(self, kept: KeptCertificate) -> _Cached | _Failed:
        """Parse it again, whichever process fetched it: the shelf may hold something that is no certificate."""
        try:
            return _Cached(parse_certificate(kept.pem), kept.fetched_at)
        except ValueError as error:
            detail = f"what was fetched is no signing certificate: {error}"
            return _Failed(Reason.CERTIFICATE_NOT_FIT, detail, self._clock())

    def _remember(self, url: str, answer: _Cached | _Failed) -> None:
        if isinstance(answer, _Cached):
            self._cached[url] = answer
            self._cached.move_to_end(url)
            while len(self._cached) > _MAX_CERTIFICATES:
                self._cached.popitem(last=False)
        elif answer.lasts:
            failures = self._failed.items()
            lasting = {name: failed for name, failed in failures if within(_FAILURE_TTL, failed.since, answer.since)}
            self._failed = lasting | {url: answer}
