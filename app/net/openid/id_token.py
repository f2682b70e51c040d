"""Verifies ID tokens as OpenID Connect Core 1.0 section 3.1.3.7 asks: signature, issuer, audience, times, nonce."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures by a key that the provider alone has. `none` and the HMACs are never accepted."""

_CLOCKS_DIFFER_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token has to say to be the answer to our request. `access_token` is the one that came with it, or ''."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    now: datetime


def verified_claims(token: str, keys: KeySet, algorithms: Sequence[str], expected: Expected) -> Mapping[str, Any]:
    """The claims of a token. Raises `joserfc.errors.JoseError`; `InvalidKeyIdError` if the key is none of these."""
    decoded = jwt.decode(token, keys, algorithms=list(algorithms))
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "sub": {"essential": True},
        },
        params={
            "nonce": expected.nonce,
            "client_id": expected.client_id,
            "access_token": expected.access_token,
        },
    )
    claims.validate(now=int(expected.now.timestamp()), leeway=_CLOCKS_DIFFER_S)
    return dict(claims)
