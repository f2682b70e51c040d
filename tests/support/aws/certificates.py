"""Fakes for tests of the signing certificates: a clock, a host and a shared store."""

import datetime as dt
import gc
import threading
import tracemalloc
from collections.abc import Callable

from app.aws.sns.certificate_cache import FetchedCertificates, KeptCertificate
from app.aws.sns.topic_arn import parse_topic_arn
from app.domain.errors import ServiceUnavailable
from tests.support.aws import sns_signing

TOPIC = parse_topic_arn(sns_signing.TOPIC_ARN)
START = dt.datetime(2026, 3, 6, 20, 0, tzinfo=dt.UTC)
URL = sns_signing.certificate_url()


def url(number: int) -> str:
    return sns_signing.certificate_url(name=f"SimpleNotificationService-{number:032x}.pem")


class Clock:
    """A clock that moves only when `advance` is called."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += dt.timedelta(**delta)


class Host:
    """The host of the certificates: serves AWS's certificate or fails, and counts requests by URL."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.away = False
        self.content = sns_signing.signer().certificate_pem

    def fetch(self, url: str) -> bytes:
        self.requests.append(url)
        if self.away:
            raise ServiceUnavailable("the host is unavailable")
        return self.content


class SlowHost(Host):
    """A host that answers once `release` is set; `entered` is set when a request has reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()

    def fetch(self, url: str) -> bytes:
        self.entered.set()
        assert self.release.wait(timeout=60)
        return super().fetch(url)


class Shelf:
    """The store that several processes share, with the interface of `CertificateShelf`."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptCertificate] = {}
        self.away = False

    def find(self, url: str) -> KeptCertificate | None:
        if self.away:
            raise ServiceUnavailable("the database is unavailable")
        return self.kept.get(url)

    def keep(self, url: str, kept: KeptCertificate, *, until: dt.datetime) -> None:
        assert until == sns_signing.VALID_TO
        self.kept[url] = kept


def is_believed(certificates: FetchedCertificates, named: str = URL) -> bool:
    try:
        certificates.public_key(named, TOPIC)
    except ServiceUnavailable:
        return False
    return True


class AwsHost(Host):
    """Serves AWS's certificate under its own name, and fails for any other name."""

    def fetch(self, url: str) -> bytes:
        self.away = url != URL
        return super().fetch(url)


def memory_kept(work: Callable[[], None]) -> int:
    """Return how many bytes of memory this work has taken and still keeps."""
    tracemalloc.start()
    try:
        work()
        gc.collect()
        kept, _most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return kept
