"""The fetch of a signing certificate against a real TLS server on loopback."""

import gzip
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.aws.sns.certificate_cache import HttpsCertificateSource
from app.domain.errors import ServiceUnavailable
from tests.support.aws import sns_signing

KIB = 1024


class CertificateHost(ThreadingHTTPServer):
    """A TLS server: `seen` has the requested paths, `refused` the connections that broke off."""

    def __init__(self, chain: Path) -> None:
        super().__init__(("127.0.0.1", 0), CertificateRequest)
        self.seen: list[str] = []
        self.refused: list[object] = []
        self.closing = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, _request: object, client_address: object) -> None:
        self.refused.append(client_address)


class CertificateRequest(BaseHTTPRequestHandler):
    """Serves a certificate, and every way of not serving one, by path."""

    server: CertificateHost

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        match self.path:
            case "/certificate.pem":
                self.answer(200, sns_signing.signer().certificate_pem)
            case "/moved.pem":
                self.answer(302, b"", location="/certificate.pem")
            case "/largest.pem":
                self.answer(200, b"x" * 16 * KIB)
            case "/too-large.pem":
                self.answer(200, b"x" * (16 * KIB + 1))
            case "/packed.pem":
                self.answer(200, gzip.compress(b"x" * 17 * KIB), content_encoding="gzip")
            case "/endless.pem":
                self.trickle(b"x" * 4096, pause=0)
            case "/trickle.pem":
                self.trickle(b"x", pause=0.2)
            case "/silent.pem":
                self.server.closing.wait(20)
            case _:
                self.answer(404, b"no such key")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def trickle(self, piece: bytes, *, pause: float) -> None:
        """Send piece after piece for almost four seconds, then nothing more."""
        silent_from = time.monotonic() + 3.9
        self.send_response(200)
        self.end_headers()
        try:
            while time.monotonic() < silent_from:
                self.wfile.write(piece)
                time.sleep(pause)
            self.server.closing.wait(20)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def authority_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "authority.pem"
    file.write_bytes(sns_signing.authority_certificate())
    return file


@pytest.fixture(scope="module")
def host(authority_file: Path) -> Iterator[CertificateHost]:
    key = sns_signing.rsa_key("tls")
    chain = authority_file.with_name("server.pem")
    chain.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + sns_signing.certificate(key.public_key(), common_name="localhost", alternative_names=("localhost",))
    )
    server = CertificateHost(chain)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def url(host: CertificateHost, path: str, *, name: str = "localhost") -> str:
    return f"https://{name}:{host.server_port}/{path}"


@pytest.fixture
def source(authority_file: Path) -> HttpsCertificateSource:
    return HttpsCertificateSource(ca_file=str(authority_file))


def test_a_certificate_is_fetched_over_verified_tls(source: HttpsCertificateSource, host: CertificateHost) -> None:
    """The body of a 200 from a host that proves its name is the PEM text."""
    assert source.fetch(url(host, "certificate.pem")) == sns_signing.signer().certificate_pem


def test_a_body_of_exactly_the_bound_passes(source: HttpsCertificateSource, host: CertificateHost) -> None:
    """16 KiB is allowed."""
    assert len(source.fetch(url(host, "largest.pem"))) == 16 * KIB


def test_a_body_is_not_unpacked(source: HttpsCertificateSource, host: CertificateHost) -> None:
    """A few bytes could unpack to any length."""
    assert gzip.decompress(source.fetch(url(host, "packed.pem"))) == b"x" * 17 * KIB


@pytest.mark.parametrize("path", ["too-large.pem", "endless.pem", "missing.pem"])
def test_an_answer_that_is_no_certificate_is_refused(
    path: str, source: HttpsCertificateSource, host: CertificateHost
) -> None:
    """A body is read up to 16 KiB, and only a 200 counts."""
    with pytest.raises(ServiceUnavailable):
        source.fetch(url(host, path))


def test_a_redirect_is_not_followed(source: HttpsCertificateSource, host: CertificateHost) -> None:
    """Only the host that was checked is called."""
    host.seen.clear()
    with pytest.raises(ServiceUnavailable):
        source.fetch(url(host, "moved.pem"))
    assert host.seen == ["/moved.pem"]


@pytest.mark.parametrize("path", ["silent.pem", "trickle.pem"])
def test_a_slow_host_is_given_up_within_five_seconds(
    path: str, source: HttpsCertificateSource, host: CertificateHost
) -> None:
    """Neither silence nor an occasional byte holds a thread for long."""
    before = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        source.fetch(url(host, path))
    assert time.monotonic() - before < 5


def test_a_host_that_cannot_prove_its_name_is_refused(source: HttpsCertificateSource, host: CertificateHost) -> None:
    """The certificate of `localhost` is not valid for 127.0.0.1."""
    with pytest.raises(ServiceUnavailable):
        source.fetch(url(host, "certificate.pem", name="127.0.0.1"))


def test_a_host_with_an_unknown_authority_is_refused(host: CertificateHost) -> None:
    """Production's trust store does not know the test authority."""
    with pytest.raises(ServiceUnavailable):
        HttpsCertificateSource().fetch(url(host, "certificate.pem"))


def test_proxies_of_the_environment_are_not_used(
    source: HttpsCertificateSource, host: CertificateHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy variable does not come between the gateway and AWS."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert source.fetch(url(host, "certificate.pem")) == sns_signing.signer().certificate_pem


def test_a_host_that_is_away_is_refused(source: HttpsCertificateSource) -> None:
    """A refused connection is trouble on our side, not a fault of the notification."""
    with pytest.raises(ServiceUnavailable):
        source.fetch("https://localhost:9/certificate.pem")
