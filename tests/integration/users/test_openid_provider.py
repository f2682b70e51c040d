"""What the gateway takes from an OpenID provider, from one that is scripted: bounds, odd answers, changed keys."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from app.domain.users.openid import ProviderFault, ProviderSilent
from app.net.openid.fetch import Silence
from app.net.openid.provider import Client, OpenIdProvider
from app.net.proxy import Proxy
from app.store.engine.clock import host_clock
from tests.support.servers.tls import self_signed
from tests.support.webhooks.receiver import receiving, saying

CALLBACK = "https://mail.example.com/console/sign-in/openid/callback"
SIGN_IN = "https://mail.example.com/console/sign-in"
CODE, NONCE, VERIFIER = "the-code", "n" * 43, "v" * 43
ID, SECRET = "postern", "p a+s"
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass
class Scripted:
    """A provider whose answers a test decides."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    document: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=lambda: {"sub": "42", "groups": ["helpdesk"]})
    raw: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def answer(self, path: str) -> dict[str, Any]:
        """Return what is at a path."""
        here = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "42", "aud": ID, "exp": now + 60, "iat": now, "nonce": NONCE}
        token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims | self.claims, self.key)
        document = {"issuer": self.issuer, **here, "userinfo_endpoint": f"{self.issuer}/me", **self.document}
        answers: dict[str, dict[str, Any]] = {
            WELL_KNOWN: {name: value for name, value in document.items() if value is not None},
            "/jwks_uri": cast("dict[str, Any]", KeySet([self.key]).as_dict(private=False)),
            "/token_endpoint": {"access_token": "access", "id_token": token},
            "/me": self.info,
        }
        return answers[path]

    def provider(self, **more: Any) -> OpenIdProvider:
        """Return a provider as the gateway asks it."""
        client = Client(id=ID, secret=SECRET, redirect_uri=CALLBACK, signed_out_uri=SIGN_IN)
        return OpenIdProvider(self.issuer, client=client, clock=host_clock, **more)

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(asked == path for asked, _, _ in self.asked)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with serving() as script:
        yield script


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Run a scripted provider on loopback, over TLS if there is a context."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            script.asked.append((self.path, dict(self.headers.items()), body))
            if self.path in script.raw:
                script.raw[self.path](self)
            else:
                send(self, json.dumps(script.answer(self.path)).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a handshake that the client ends
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    script.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Send an answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def claims_of(provider: OpenIdProvider) -> Any:
    """Exchange the code."""
    return provider.claims(code=CODE, nonce=NONCE, verifier=VERIFIER)


def test_a_code_is_exchanged_with_all_that_proves_us(scripted: Scripted) -> None:
    """The secret in a header, form-encoded as RFC 6749 section 2.3.1 asks; the PKCE verifier in the form."""
    claims = claims_of(scripted.provider())
    assert (claims["sub"], claims["groups"], claims["aud"]) == ("42", ["helpdesk"], ID)
    [(_, headers, form)] = [asked for asked in scripted.asked if asked[0] == "/token_endpoint"]
    assert headers["Authorization"] == "Basic cG9zdGVybjpwK2ElMkJz"  # postern:p+a%2Bs
    sent = {name: values[0] for name, values in parse_qs(form).items()}
    assert sent == {
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }


def test_a_secret_is_in_the_form_where_the_provider_takes_no_header(scripted: Scripted) -> None:
    """As `client_secret_post`."""
    scripted.document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    claims_of(scripted.provider())
    [(_, headers, form)] = [asked for asked in scripted.asked if asked[0] == "/token_endpoint"]
    assert "Authorization" not in headers
    assert parse_qs(form)["client_secret"] == [SECRET]


def test_an_endpoint_may_have_parameters_of_its_own(scripted: Scripted) -> None:
    """They stay in the URL where people sign in."""
    scripted.document["authorization_endpoint"] = f"{scripted.issuer}/authorize?tenant=7"
    url = scripted.provider().sign_in_url(state="s", nonce=NONCE, verifier=VERIFIER)
    query = parse_qs(urlsplit(url).query)
    assert (query["tenant"], query["scope"], query["response_type"]) == (["7"], ["openid profile email"], ["code"])


def test_what_the_token_says_counts_more_than_userinfo(scripted: Scripted) -> None:
    """The token is signed."""
    scripted.claims["groups"] = ["everybody"]
    assert claims_of(scripted.provider())["groups"] == ["everybody"]


def test_userinfo_of_another_person_is_refused(scripted: Scripted) -> None:
    """OpenID Connect Core 1.0 section 5.3.2."""
    scripted.info["sub"] = "43"
    with pytest.raises(ProviderFault):
        claims_of(scripted.provider())


def test_a_provider_without_userinfo_is_one(scripted: Scripted) -> None:
    """The token alone is enough."""
    scripted.document["userinfo_endpoint"] = None
    scripted.claims["groups"] = ["helpdesk"]
    assert claims_of(scripted.provider())["groups"] == ["helpdesk"]


def test_what_it_publishes_is_read_once_an_hour(scripted: Scripted) -> None:
    """And not at each sign-in."""
    clock = [0.0]
    provider = scripted.provider(monotonic=lambda: clock[0])
    for _ in range(3):
        claims_of(provider)
    assert (scripted.count(WELL_KNOWN), scripted.count("/jwks_uri")) == (1, 1)
    clock[0] = 3_601.0
    claims_of(provider)
    assert scripted.count(WELL_KNOWN) == 2


def test_new_keys_are_read_when_a_token_has_one_of_them(scripted: Scripted) -> None:
    """But once a minute at most: whoever sends such tokens cannot let us ask for ever."""
    clock = [0.0]
    provider = scripted.provider(monotonic=lambda: clock[0])
    claims_of(provider)
    scripted.key = RSAKey.generate_key(2048, {"kid": "two"})
    with pytest.raises(ProviderFault):
        claims_of(provider)
    assert scripted.count("/jwks_uri") == 1
    clock[0] = 61.0
    assert claims_of(provider)["sub"] == "42"
    assert scripted.count("/jwks_uri") == 2


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": ["https://login.example.com"]},
        {"userinfo_endpoint": "gopher://127.0.0.1"},
        {"end_session_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_document_that_cannot_be_trusted_is_refused(scripted: Scripted, change: dict[str, Any]) -> None:
    """Before anybody is led to the provider."""
    scripted.document |= change
    with pytest.raises(ProviderFault):
        scripted.provider().sign_in_url(state="s", nonce=NONCE, verifier=VERIFIER)


@pytest.mark.parametrize("host, is_known", [("127.0.0.1", True), ("127.0.0.1", False), ("127.0.0.2", True)])
def test_a_provider_proves_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, is_known: bool) -> None:
    """By a certificate for it, of an authority that this host knows."""
    certificate, context = self_signed(tmp_path, host)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(context) as scripted:
        if is_known and host == "127.0.0.1":
            assert claims_of(scripted.provider())["sub"] == "42"
            return
        with pytest.raises(ProviderSilent):
            claims_of(scripted.provider())
        assert scripted.asked == []


@pytest.mark.parametrize("offered", [None, "RS256", 7, {}])
@pytest.mark.parametrize("name", ["id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported"])
def test_what_a_provider_does_not_list_has_its_default(scripted: Scripted, name: str, offered: Any) -> None:
    """RS256, and the secret in a header."""
    scripted.document[name] = offered
    assert claims_of(scripted.provider())["sub"] == "42"


def test_a_signature_that_the_provider_does_not_offer_is_refused(scripted: Scripted) -> None:
    """Even one that we accept from others."""
    scripted.document["id_token_signing_alg_values_supported"] = ["ES256", "none"]
    with pytest.raises(ProviderFault):
        claims_of(scripted.provider())


def test_it_says_where_a_person_signs_out(scripted: Scripted) -> None:
    """If it signs people out: with our id, and where it leads to afterwards."""
    assert scripted.provider().sign_out_url() is None
    scripted.document["end_session_endpoint"] = f"{scripted.issuer}/end?tenant=7"
    url = scripted.provider().sign_out_url() or ""
    assert url.startswith(f"{scripted.issuer}/end?")
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["7"],
        "client_id": [ID],
        "post_logout_redirect_uri": [SIGN_IN],
    }


def test_a_silent_provider_is_not_asked_again_by_each_person(scripted: Scripted) -> None:
    """For five seconds; then one asks, and when it is heard all do."""
    clock = [0.0]
    provider = scripted.provider(monotonic=lambda: clock[0])
    scripted.raw[WELL_KNOWN] = nonsense

    def asked(at: float) -> int:
        clock[0] = at
        before = scripted.count(WELL_KNOWN)
        with suppress(ProviderSilent):
            provider.sign_in_url(state="s", nonce=NONCE, verifier=VERIFIER)
        return scripted.count(WELL_KNOWN) - before

    assert [asked(at) for at in (0.0, 0.1, 4.9, 5.1, 5.2)] == [1, 0, 0, 1, 0]
    del scripted.raw[WELL_KNOWN]
    assert [asked(at) for at in (10.0, 10.2)] == [0, 1]
    assert claims_of(provider)["sub"] == "42"


def test_while_one_asks_again_the_others_do_not() -> None:
    """After a silence; a provider that was heard is asked by all."""
    clock = [0.0]
    silence = Silence(lambda: clock[0])
    assert silence.is_over()
    silence.note(silent=True)
    clock[0] = 6.0
    assert [silence.is_over() for _ in range(3)] == [True, False, False]
    silence.note(silent=False)
    assert [silence.is_over() for _ in range(2)] == [True, True]


def test_it_is_asked_through_the_proxy_of_this_host() -> None:
    """Unless it is exempt, or on this host by plain HTTP."""
    refusing = saying(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    for issuer, exempt, is_proxied in (
        ("https://login.example.com", "", True),
        ("https://127.0.0.1:9", "127.0.0.1", False),
        ("http://127.0.0.1:9", "", False),
    ):
        with receiving(refusing) as receiver:
            proxy = Proxy.at(f"http://kim:pass@127.0.0.1:{receiver.port}", exempt=exempt)
            with pytest.raises(ProviderSilent):
                Scripted(issuer).provider(proxy=proxy).sign_in_url(state="s", nonce=NONCE, verifier=VERIFIER)
        assert receiver.connections == is_proxied, issuer
        if is_proxied:
            [(line, headers, _)] = receiver.requests
            assert line.startswith("CONNECT login.example.com:443")
            assert headers["proxy-authorization"] == "Basic a2ltOnBhc3M="


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    """Send what is not HTTP."""
    handler.wfile.write(b"nonsense\r\n\r\n")


def slow(handler: BaseHTTPRequestHandler) -> None:
    """Send one byte at a time, for ever."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)
    except OSError:
        return


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Send far too much."""
    try:
        send(handler, b" " * 10_000_000)
    except OSError:
        return


@pytest.mark.parametrize(
    "raw, error",
    [
        (lambda handler: send(handler, b"[]"), ProviderFault),
        (lambda handler: send(handler, b"not JSON"), ProviderFault),
        (lambda handler: send(handler, b"[" * 100_000), ProviderFault),
        (lambda handler: send(handler, b"{}", 500), ProviderFault),
        (lambda handler: send(handler, b"{}", 302, Location="/elsewhere"), ProviderFault),
        (lambda handler: send(handler, b"\x1f\x8b\x08\x00", Content_Encoding="gzip"), ProviderFault),
        (endless, ProviderFault),
        (slow, ProviderSilent),
        (nonsense, ProviderSilent),
    ],
    ids=["list", "text", "deep", "500", "redirect", "gzip", "endless", "slow", "nonsense"],
)
@pytest.mark.parametrize("path", [WELL_KNOWN, "/jwks_uri", "/token_endpoint", "/me"])
def test_an_answer_is_bounded_and_a_redirect_not_followed(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, path: str, raw: Any, error: type[Exception]
) -> None:
    """At each of its endpoints."""
    monkeypatch.setattr("app.net.openid.fetch._ALL_S", 0.2)
    scripted.raw[path] = raw
    with pytest.raises(error):
        claims_of(scripted.provider())
    assert scripted.count("/elsewhere") == 0
