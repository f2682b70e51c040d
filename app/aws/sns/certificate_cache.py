"""Signing certificates over HTTPS: fetched once, remembered for a day, and never fetched faster than a budget.

It decides when to fetch and for how long an answer holds, good or bad. It never decides whether a URL may be fetched
(`app.aws.sns` has compared it with the topic's own host) nor whether a certificate may sign (`app.aws.certificates`).
Anyone can post certificate names that do not exist, so failures are remembered apart from certificates, and names never
seen before share a budget that cannot starve the refresh of a known one.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import urllib3
from botocore.httpsession import get_cert_path
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.aws.certificates import SigningCertificate, parse_certificate
from app.aws.topic_arn import TopicArn
from app.domain.errors import ServiceUnavailable

MAX_CERTIFICATE_BYTES = 16 * 1024
_CONNECT_OR_READ_SECONDS = 2.0
_FETCH_SECONDS = 3.0

_MAX_CERTIFICATES = 10
_CERTIFICATE_TTL = timedelta(hours=24)
_FAILURE_TTL = timedelta(seconds=60)
_BUDGET_PERIOD = timedelta(minutes=1)
_BUDGET_FETCHES = 10


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
        self._http = urllib3.PoolManager(
            num_pools=2,
            maxsize=1,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_OR_READ_SECONDS, read=_CONNECT_OR_READ_SECONDS),
            cert_reqs="CERT_REQUIRED",
            ca_certs=ca_file or get_cert_path(verify=True),
        )

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


def _bounded(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(4096):
        body += chunk
        if len(body) > MAX_CERTIFICATE_BYTES or time.monotonic() > deadline:
            raise ServiceUnavailable("the host of the signing certificate sent too much or too slowly")
    return bytes(body)


@dataclass(frozen=True, slots=True)
class _Held:
    certificate: SigningCertificate
    since: datetime


@dataclass(frozen=True, slots=True)
class _Failed:
    detail: str
    since: datetime


def _younger(than: timedelta, since: datetime, now: datetime) -> bool:
    """Return whether less than `than` has passed; from a clock that was set back the answer is no."""
    return timedelta(0) <= now - since < than


class FetchedCertificates:
    """Certificates by URL, each fetched by one thread while the others wait for its answer. Thread-safe."""

    def __init__(self, *, source: CertificateSource, clock: Callable[[], datetime]) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._failed: dict[str, _Failed] = {}
        self._flights: dict[str, Future[_Held | _Failed]] = {}
        self._first_fetches: deque[datetime] = deque()

    def public_key(self, url: str, topic_arn: TopicArn, /) -> RSAPublicKey:
        """Return the key behind `url` if it may sign for the topic now; else NotAuthentic or ServiceUnavailable."""
        answer = self._answer(url)
        if isinstance(answer, _Failed):
            raise ServiceUnavailable(answer.detail)
        return answer.certificate.key_for(topic_arn, self._clock())

    def _answer(self, url: str) -> _Held | _Failed:
        with self._lock:
            now = self._clock()
            held = self._held.get(url)
            if held is not None and _younger(_CERTIFICATE_TTL, held.since, now):
                self._held.move_to_end(url)
                return held
            failed = self._failed.get(url)
            if failed is not None and _younger(_FAILURE_TTL, failed.since, now):
                return failed
            flight = self._flights.get(url)
            leads = flight is None
            if flight is None:
                if held is None:
                    self._spend(now)
                flight = self._flights[url] = Future()
        if leads:
            self._fly(url, flight)
        return flight.result()

    def _spend(self, now: datetime) -> None:
        recent = self._first_fetches
        while recent and not _younger(_BUDGET_PERIOD, recent[0], now):
            recent.popleft()
        if len(recent) >= _BUDGET_FETCHES:
            raise ServiceUnavailable("too many signing certificates were asked for within a minute")
        recent.append(now)

    def _fly(self, url: str, flight: Future[_Held | _Failed]) -> None:
        answer: _Held | _Failed = _Failed("the signing certificate could not be fetched", self._clock())
        try:
            certificate = parse_certificate(self._source.fetch(url))
            answer = _Held(certificate, self._clock())
        except ServiceUnavailable as error:
            answer = _Failed(error.detail, self._clock())
        except ValueError as error:
            answer = _Failed(f"what was fetched is no signing certificate: {error}", self._clock())
        finally:
            with self._lock:
                del self._flights[url]
                self._remember(url, answer)
            flight.set_result(answer)

    def _remember(self, url: str, answer: _Held | _Failed) -> None:
        if isinstance(answer, _Held):
            self._held[url] = answer
            self._held.move_to_end(url)
            while len(self._held) > _MAX_CERTIFICATES:
                self._held.popitem(last=False)
            return
        stale = [
            name for name, failed in self._failed.items() if not _younger(_FAILURE_TTL, failed.since, answer.since)
        ]
        for name in stale:
            del self._failed[name]
        self._failed[url] = answer
