"""An OpenID provider that is silent, is reached through a proxy, or signs people out."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest

from app.domain.users.openid import ProviderSilent
from app.net.openid.fetch import Silence
from app.net.proxy import Proxy
from tests.support.openid.scripted import (
    ID,
    NONCE,
    SIGN_IN,
    VERIFIER,
    WELL_KNOWN,
    Scripted,
    claims_of,
    nonsense,
    serving,
)
from tests.support.webhooks.receiver import receiving, saying


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with serving() as script:
        yield script


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
