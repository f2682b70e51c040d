"""Signing certificates that processes share, and floods of invented certificate names."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.httpsession import get_cert_path

from app.aws.sns.certificate_cache import FetchedCertificates, KeptCertificate, https_connections
from app.aws.sns.fetch_budget import FETCHES
from app.domain.errors import ServiceUnavailable
from tests.support.aws import sns_signing
from tests.support.aws.certificates import (
    START,
    TOPIC,
    URL,
    AwsHost,
    Clock,
    Host,
    Shelf,
    SlowHost,
    is_believed,
    memory_kept,
    url,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.mark.parametrize("another_has_fetched_it", [True, False])
def test_a_flood_of_made_up_names_does_not_starve_the_right_one(clock: Clock, another_has_fetched_it: bool) -> None:
    """Through an hour of 20 forged notifications per second, a new process accepts the genuine ones.

    It accepts all if any process has fetched the certificate before; otherwise all but the first, which SNS redelivers.
    """
    shelf, host = Shelf(), AwsHost()
    if another_has_fetched_it:
        assert is_believed(FetchedCertificates(source=AwsHost(), clock=clock, shelf=shelf))
    fresh = FetchedCertificates(source=host, clock=clock, shelf=shelf)
    believed = 0
    for second in range(3600):
        for number in range(20):
            assert not is_believed(fresh, url(20 * second + number))
        believed += is_believed(fresh)
        clock.advance(seconds=1)
    assert believed == 3600 - (not another_has_fetched_it)
    assert len(host.requests) <= 60 * FETCHES + 1


def test_a_flood_that_repeats_its_names_does_not_starve_the_right_one(clock: Clock) -> None:
    """A flood that repeats its names has fewer of them, and the genuine certificate still gets its turn.

    Here 20 forged notifications per second repeat each name eight times, against one genuine notification per second.
    """
    host = AwsHost()
    fresh = FetchedCertificates(source=host, clock=clock, shelf=Shelf())
    believed = 0
    for second in range(600):
        for number in range(20):
            assert not is_believed(fresh, url((20 * second + number) // 8))
        believed += is_believed(fresh)
        clock.advance(seconds=1)
    assert believed >= 540


def test_names_without_a_fetched_certificate_are_forgotten(clock: Clock) -> None:
    """A flood of names takes bounded memory."""
    fresh = FetchedCertificates(source=AwsHost(), clock=clock)

    def flood(names: int) -> None:
        for number in range(names):
            is_believed(fresh, url(number))

    flood(100)
    assert memory_kept(lambda: flood(20_000)) < 2_000_000


def test_a_certificate_fetched_by_another_process_is_not_fetched_again(clock: Clock, host: Host) -> None:
    """It is used for a day from its fetch; then the first process that needs it fetches it for all."""
    shelf = Shelf()
    first, second = (FetchedCertificates(source=host, clock=clock, shelf=shelf) for _ in range(2))
    first.public_key(URL, TOPIC)
    clock.advance(hours=23)
    second.public_key(URL, TOPIC)
    assert host.requests == [URL]
    clock.advance(hours=2)
    second.public_key(URL, TOPIC)
    first.public_key(URL, TOPIC)
    assert host.requests == [URL, URL]


@pytest.mark.parametrize("pem", [b"", b"no PEM", sns_signing.authority_certificate()[:300]], ids=range(3))
def test_a_stored_certificate_is_verified_again_by_each_process(clock: Clock, host: Host, pem: bytes) -> None:
    """A stored text that is not a valid certificate is ignored, whichever process stored it."""
    shelf = Shelf()
    shelf.kept[URL] = KeptCertificate(pem, clock.now)
    assert not is_believed(FetchedCertificates(source=host, clock=clock, shelf=shelf))
    assert host.requests == []


def test_a_kept_certificate_is_of_no_use_for_another_region_nor_beyond_its_dates(clock: Clock, host: Host) -> None:
    """Name and dates are checked at each use, as for a fetched certificate."""
    shelf = Shelf()
    key = sns_signing.signer().key.public_key()
    for pem in (
        sns_signing.certificate(key, common_name="sns-signing.ap-east-1.amazonaws.com"),
        sns_signing.certificate(key, common_name="sns.amazonaws.com", valid_to=START - dt.timedelta(seconds=1)),
        sns_signing.certificate(key, common_name="sns.amazonaws.com", valid_from=START + dt.timedelta(seconds=1)),
    ):
        shelf.kept[URL] = KeptCertificate(pem, clock.now)
        assert not is_believed(FetchedCertificates(source=host, clock=clock, shelf=shelf))
    assert host.requests == []


def test_a_shelf_that_is_away_is_asked_again_at_once(clock: Clock, host: Host) -> None:
    """While the database is unavailable nothing can be stored; when it is back no call waits for a minute to pass."""
    shelf = Shelf()
    certificates = FetchedCertificates(source=host, clock=clock, shelf=shelf)
    shelf.away = True
    assert not is_believed(certificates)
    shelf.away = False
    assert is_believed(certificates)


def test_what_was_kept_for_longer_than_a_day_is_renewed_whatever_a_flood_has_used_up(clock: Clock) -> None:
    """Its name has a history, although this process has never fetched it."""
    shelf, host = Shelf(), AwsHost()
    assert is_believed(FetchedCertificates(source=AwsHost(), clock=clock, shelf=shelf))
    clock.advance(hours=25)
    fresh = FetchedCertificates(source=host, clock=clock, shelf=shelf)
    for number in range(FETCHES + 1):
        assert not is_believed(fresh, url(number))
    assert len(host.requests) == FETCHES
    assert is_believed(fresh)
    assert host.requests[-1] == URL


def test_what_is_no_certificate_is_reported(clock: Clock, host: Host) -> None:
    """An operator reads why a notification is put off."""
    host.content = b"<html>Not found</html>"
    with pytest.raises(ServiceUnavailable, match="no signing certificate: "):
        FetchedCertificates(source=host, clock=clock).public_key(URL, TOPIC)


def test_no_thread_waits_long_for_the_fetch_of_another(clock: Clock) -> None:
    """SNS is asked to come again while the fetch goes on, and finds its answer then."""
    host = SlowHost()
    certificates = FetchedCertificates(source=host, clock=clock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(certificates.public_key, URL, TOPIC)
        assert host.entered.wait(timeout=60)
        second = pool.submit(certificates.public_key, URL, TOPIC)
        refusal = second.exception(timeout=50)
        host.release.set()
        assert first.result(timeout=60).key_size == 2048
    assert isinstance(refusal, ServiceUnavailable)
    assert "still being fetched" in refusal.detail
    assert is_believed(certificates)
    assert host.requests == [URL]


def test_the_authorities_of_boto3_are_trusted_where_no_file_is_named() -> None:
    """One trust store for all that is asked at AWS."""
    named = [https_connections(file).connection_pool_kw for file in (None, "own.pem")]
    assert [one["ca_certs"] for one in named] == [get_cert_path(verify=True), "own.pem"]
    assert {one["cert_reqs"] for one in named} == {"CERT_REQUIRED"}


def test_a_host_that_fails_is_not_asked_again_by_the_library() -> None:
    """How often it is asked is the budget's business."""
    assert https_connections(None).connection_pool_kw["retries"].total is False


def test_a_host_has_two_seconds_to_connect_and_two_for_each_read() -> None:
    """After the three seconds of a whole fetch one read may still go on, so that a call ends within five."""
    timeout = https_connections(None).connection_pool_kw["timeout"]
    assert (timeout.connect_timeout, timeout.read_timeout) == (2, 2)
