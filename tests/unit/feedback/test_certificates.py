"""Signing certificates: which are usable, how long they are held, and how rarely they are fetched."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.aws.sns.certificate_cache import FetchedCertificates
from app.aws.sns.certificates import PinnedCertificate, parse_certificate
from app.aws.sns.topic_arn import parse_topic_arn
from app.domain.errors import ServiceUnavailable
from tests.support.aws import sns_signing
from tests.support.aws.certificates import START, TOPIC, URL, Clock, Host, SlowHost, memory_kept, url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def certificates(host: Host, clock: Clock) -> FetchedCertificates:
    return FetchedCertificates(source=host, clock=clock)


def test_a_certificate_is_fetched_once_a_day(certificates: FetchedCertificates, host: Host, clock: Clock) -> None:
    """For 24 hours the held certificate is used; then it is fetched again."""
    certificates.public_key(URL, TOPIC)
    clock.advance(hours=23, minutes=59)
    certificates.public_key(URL, TOPIC)
    assert host.requests == [URL]
    clock.advance(minutes=2)
    certificates.public_key(URL, TOPIC)
    assert host.requests == [URL, URL]


def test_the_key_is_the_certificates_key(certificates: FetchedCertificates) -> None:
    """The result is the public half of the signing key."""
    key = certificates.public_key(URL, TOPIC)
    assert key.public_numbers() == sns_signing.signer().key.public_key().public_numbers()


def test_a_held_certificate_that_expires_stops_at_once(host: Host, clock: Clock) -> None:
    """The dates are checked at each use, not when the certificate was fetched."""
    expiry = START + dt.timedelta(hours=1)
    key = sns_signing.signer().key.public_key()
    host.content = sns_signing.certificate(key, common_name="sns.amazonaws.com", valid_to=expiry)
    certificates = FetchedCertificates(source=host, clock=clock)
    clock.advance(hours=1)
    certificates.public_key(URL, TOPIC)
    clock.advance(seconds=1)
    with pytest.raises(ServiceUnavailable, match="validity"):
        certificates.public_key(URL, TOPIC)
    assert host.requests == [URL]


def test_a_certificate_may_sign_from_its_first_second_to_its_last() -> None:
    """Both dates of the certificate are inclusive."""
    certificate = parse_certificate(sns_signing.signer().certificate_pem)
    second = dt.timedelta(seconds=1)
    moments = (
        sns_signing.VALID_FROM - second,
        sns_signing.VALID_FROM,
        sns_signing.VALID_TO,
        sns_signing.VALID_TO + second,
    )
    assert [certificate.is_valid_at(moment) for moment in moments] == [False, True, True, False]


@pytest.mark.parametrize("bits, fit", [(2047, False), (2048, True)])
def test_a_key_has_2048_bits_at_least(bits: int, fit: bool) -> None:
    """One bit less is not enough."""
    key = sns_signing.rsa_key(f"of {bits}", bits).public_key()
    pem = sns_signing.certificate(key, common_name="sns.amazonaws.com")
    if fit:
        assert parse_certificate(pem).key.key_size == bits
    else:
        with pytest.raises(ValueError, match="2048 bits"):
            parse_certificate(pem)


def test_a_failure_is_remembered_for_a_minute(certificates: FetchedCertificates, host: Host, clock: Clock) -> None:
    """An unreachable host is tried once a minute."""
    host.away = True
    for _ in range(3):
        with pytest.raises(ServiceUnavailable):
            certificates.public_key(URL, TOPIC)
    assert host.requests == [URL]
    host.away = False
    clock.advance(seconds=60)
    certificates.public_key(URL, TOPIC)
    assert host.requests == [URL, URL]


def test_made_up_names_cost_ten_requests_a_minute(certificates: FetchedCertificates, host: Host, clock: Clock) -> None:
    """However many names are posted, the host sees ten unknown ones a minute."""
    host.away = True
    for number in range(1000):
        with pytest.raises(ServiceUnavailable):
            certificates.public_key(url(number), TOPIC)
    assert len(host.requests) == 10
    clock.advance(minutes=1)
    for number in range(1000, 2000):
        with pytest.raises(ServiceUnavailable):
            certificates.public_key(url(number), TOPIC)
    assert len(host.requests) == 20


def test_made_up_names_do_not_starve_a_known_certificate(
    certificates: FetchedCertificates, host: Host, clock: Clock
) -> None:
    """With the budget spent, a held certificate still answers and is still renewed after its day."""
    certificates.public_key(URL, TOPIC)
    clock.advance(hours=24)
    host.away = True
    for number in range(20):
        with pytest.raises(ServiceUnavailable):
            certificates.public_key(url(number), TOPIC)
    host.away = False
    certificates.public_key(URL, TOPIC)
    assert host.requests.count(URL) == 2


def test_made_up_names_do_not_push_out_a_known_certificate(
    certificates: FetchedCertificates, host: Host, clock: Clock
) -> None:
    """Failures are remembered separately from certificates, and only for a minute."""
    certificates.public_key(URL, TOPIC)
    host.away = True

    def fail(names: int) -> None:
        for number in range(names):
            clock.advance(seconds=10)
            with pytest.raises(ServiceUnavailable):
                certificates.public_key(url(number), TOPIC)
        assert host.requests.count(URL) <= 1
        host.requests.clear()

    fail(100)
    assert memory_kept(lambda: fail(1000)) < 50_000
    certificates.public_key(URL, TOPIC)
    assert host.requests == []


def test_ten_certificates_are_held_the_least_used_is_dropped(
    certificates: FetchedCertificates, host: Host, clock: Clock
) -> None:
    """An eleventh certificate replaces the least recently used one."""
    for number in range(10):
        certificates.public_key(url(number), TOPIC)
    certificates.public_key(url(0), TOPIC)
    clock.advance(minutes=1)
    certificates.public_key(url(10), TOPIC)
    certificates.public_key(url(0), TOPIC)
    assert host.requests.count(url(0)) == 1
    certificates.public_key(url(1), TOPIC)
    assert host.requests.count(url(1)) == 2


def test_a_clock_that_was_set_back_holds_nothing_longer(
    certificates: FetchedCertificates, host: Host, clock: Clock
) -> None:
    """Neither a failure nor a budget from the future keeps a certificate from being fetched."""
    host.away = True
    for number in range(10):
        with pytest.raises(ServiceUnavailable):
            certificates.public_key(url(number), TOPIC)
    host.away = False
    clock.advance(days=-1)
    certificates.public_key(url(0), TOPIC)
    assert host.requests.count(url(0)) == 2


def test_threads_that_want_one_certificate_make_one_request(clock: Clock) -> None:
    """While one thread fetches, the others wait for its answer and share it."""
    host = SlowHost()
    certificates = FetchedCertificates(source=host, clock=clock)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(certificates.public_key, URL, TOPIC)
        assert host.entered.wait(timeout=10)
        others = [pool.submit(certificates.public_key, URL, TOPIC) for _ in range(8)]
        assert not any(other.done() for other in others)
        host.release.set()
        numbers = {answer.result(timeout=10).public_numbers() for answer in (first, *others)}
    assert host.requests == [URL]
    assert len(numbers) == 1


def test_threads_that_wait_for_a_failure_each_get_their_own_error(clock: Clock) -> None:
    """A failed fetch answers every waiter, and frees the URL for the next minute."""
    host = SlowHost()
    host.away = True
    certificates = FetchedCertificates(source=host, clock=clock)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(certificates.public_key, URL, TOPIC)
        assert host.entered.wait(timeout=10)
        others = [pool.submit(certificates.public_key, URL, TOPIC) for _ in range(3)]
        host.release.set()
        failures = [answer.exception(timeout=10) for answer in (first, *others)]
    assert [type(failure) for failure in failures] == [ServiceUnavailable] * 4
    assert len({id(failure) for failure in failures}) == 4
    assert host.requests == [URL]


def test_an_unforeseen_error_of_a_source_does_not_hold_the_url_for_ever(clock: Clock) -> None:
    """The thread that fetched sees the error; the URL is a failure like any other and is tried again."""

    class BrokenHost(Host):
        def fetch(self, url: str) -> bytes:
            if not self.requests:
                self.requests.append(url)
                raise ZeroDivisionError
            return super().fetch(url)

    host = BrokenHost()
    certificates = FetchedCertificates(source=host, clock=clock)
    with pytest.raises(ZeroDivisionError):
        certificates.public_key(URL, TOPIC)
    with pytest.raises(ServiceUnavailable):
        certificates.public_key(URL, TOPIC)
    clock.advance(minutes=1)
    assert certificates.public_key(URL, TOPIC).key_size == 2048


def test_a_pinned_certificate_answers_for_any_url_and_keeps_every_other_check(clock: Clock) -> None:
    """Pinning replaces the fetch: name and dates are still checked at each use."""
    pinned = PinnedCertificate(sns_signing.signer().certificate_pem, clock=clock)
    assert pinned.public_key(URL, TOPIC).key_size == pinned.public_key(url(7), TOPIC).key_size == 2048
    with pytest.raises(ServiceUnavailable, match="name"):
        pinned.public_key(URL, parse_topic_arn("arn:aws:sns:ap-east-1:123456789012:t"))
    for moment in (sns_signing.VALID_FROM, sns_signing.VALID_TO):
        clock.now = moment
        assert pinned.public_key(URL, TOPIC).key_size == 2048
    for moment in (sns_signing.VALID_FROM - dt.timedelta(seconds=1), sns_signing.VALID_TO + dt.timedelta(seconds=1)):
        clock.now = moment
        with pytest.raises(ServiceUnavailable, match="validity"):
            pinned.public_key(URL, TOPIC)


@pytest.mark.parametrize(
    "pem",
    [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ids=["empty", "text", "no certificate inside"],
)
def test_an_unusable_pinned_file_stops_the_start(pem: bytes, clock: Clock) -> None:
    """A bad file is an error when the gateway starts, not when the first bounce arrives."""
    with pytest.raises(ValueError, match="PEM block"):
        PinnedCertificate(pem, clock=clock)


def test_a_certificate_speaks_for_the_names_in_subject_and_alternative_names() -> None:
    """Both places count, exactly as written."""
    key = sns_signing.signer().key.public_key()
    parsed = parse_certificate(sns_signing.certificate(key, common_name="a.example", alternative_names=("b.example",)))
    assert parsed.names == {"a.example", "b.example"}
    assert (parsed.not_before, parsed.not_after) == (sns_signing.VALID_FROM, sns_signing.VALID_TO)
