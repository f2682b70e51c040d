"""Which ID tokens are the answer to our request: OpenID Connect Core 1.0 section 3.1.3.7."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis.strategies import text
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from app.net.openid.id_token import ALGORITHMS, Expected, verified_claims

ISSUER, US, NONCE = "https://login.example.com", "postern", "n" * 43
KEY: Final = RSAKey.generate_key(2048, {"kid": "one"})
OTHER: Final = RSAKey.generate_key(2048, {"kid": "one"})
CURVE: Final = ECKey.generate_key("P-256", {"kid": "two"})
KEYS: Final = KeySet([KEY, CURVE])
NOW: Final = datetime(2026, 11, 29, 12, tzinfo=UTC)
EXPECTED: Final = Expected(issuer=ISSUER, client_id=US, nonce=NONCE, access_token="token", now=NOW)


def signed(key: Any = KEY, algorithm: str = "RS256", kid: str | None = "one", **change: Any) -> str:
    """Return a token that is right but for these claims; None takes one away."""
    now = int(NOW.timestamp())
    right = {"iss": ISSUER, "sub": "42", "aud": US, "exp": now + 300, "iat": now, "nonce": NONCE}
    claims = {name: value for name, value in (right | change).items() if value is not None}
    header = {"alg": algorithm} | ({"kid": kid} if kid else {})
    return jwt.encode(header, claims, key, algorithms=[algorithm])


@pytest.mark.parametrize(
    "token",
    [
        signed(),
        signed(CURVE, "ES256", "two"),
        signed(algorithm="PS256"),
        signed(aud=[US]),
        signed(aud=[US, "another"], azp=US),
        signed(exp=int(NOW.timestamp()) - 30),
    ],
    ids=["rsa", "curve", "pss", "list", "two audiences", "clocks that differ"],
)
def test_an_answer_to_our_request_is_taken(token: str) -> None:
    """Whichever key of the provider has signed it; clocks may differ by a minute."""
    assert verified_claims(token, KEYS, ALGORITHMS, EXPECTED)["sub"] == "42"


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "m" * 43},
        {"nonce": None},
        {"nonce": ""},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": None},
        {"aud": [US, "another"]},
        {"azp": "another"},
        {"iss": "https://login.example.com/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": int(NOW.timestamp()) - 60},
        {"exp": None},
        {"exp": "never"},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
def test_a_token_of_something_else_is_refused(change: dict[str, Any]) -> None:
    """Another sign-in, client, issuer, time or access token, or a claim that is missing."""
    with pytest.raises(JoseError):
        verified_claims(signed(**change), KEYS, ALGORITHMS, EXPECTED)


def test_a_token_that_another_key_has_signed_is_refused() -> None:
    """Also when it claims to be the provider's."""
    with pytest.raises(JoseError):
        verified_claims(signed(OTHER), KEYS, ALGORITHMS, EXPECTED)


def test_a_key_that_is_not_published_is_named_so() -> None:
    """The provider may have changed its keys since they were read."""
    with pytest.raises(InvalidKeyIdError):
        verified_claims(signed(OTHER, kid="three"), KEYS, ALGORITHMS, EXPECTED)


def test_a_public_key_is_no_secret() -> None:
    """The oldest trick: an HMAC whose key is the public key of the provider, which everybody has."""
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    said = f"{head}.{signed().split('.')[1]}"
    tag = hmac.digest(KEY.as_pem(private=False), said.encode(), "sha256")
    with pytest.raises(JoseError):
        verified_claims(f"{said}.{urlsafe_b64encode(tag).decode().rstrip('=')}", KEYS, ALGORITHMS, EXPECTED)


def test_a_token_without_a_signature_is_refused() -> None:
    """`none` is an algorithm too."""
    head, body, _ = signed().split(".")
    none = "eyJhbGciOiJub25lIn0"
    for token in (f"{none}.{body}.", f"{head}.{body}.", f"{head}.{body}.AAAA"):
        with pytest.raises(JoseError):
            verified_claims(token, KEYS, ALGORITHMS, EXPECTED)


@given(text(max_size=100))
def test_what_is_no_token_is_refused(token: str) -> None:
    """Whatever comes."""
    with pytest.raises((JoseError, ValueError)):
        verified_claims(token, KEYS, ALGORITHMS, EXPECTED)
