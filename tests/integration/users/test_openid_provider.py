"""What the gateway takes from an OpenID provider, from one that is scripted: bounds, odd answers, changed keys."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from app.domain.users.openid import ProviderFault, ProviderSilent
from tests.support.openid.scripted import (
    CALLBACK,
    CODE,
    ID,
    NONCE,
    SECRET,
    VERIFIER,
    WELL_KNOWN,
    Scripted,
    claims_of,
    nonsense,
    send,
    serving,
)
from tests.support.servers.tls import self_signed


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with serving() as script:
        yield script


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
