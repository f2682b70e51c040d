"""From a request that an AWS SDK has signed to a `Caller`.

The signature is checked with the secret itself, which is sealed beside the hash of a key that opens the SES door.
"""

import re
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

import structlog

from app.domain.apps.callers import Caller
from app.domain.apps.key_kinds import ID_PATTERN
from app.domain.apps.sigv4_claims import Claim, Refusal, SignatureRefused, SignedRequest, read_claim
from app.domain.errors import ServiceUnavailable
from app.services.apps.authenticate import caller_of
from app.services.apps.trusted_keys import TrustedKeys
from app.store.apps.keys import ApiKey
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable

log = structlog.get_logger()

_KEY_ID: Final = re.compile(rf"ptn_{ID_PATTERN}")
_OF_NO_KEY: Final = "0" * 43
_UNKNOWN: Final = (
    "The security token included in the request is invalid: the access key id is of no key that opens the SES door; "
    "it may be misspelt, or the key was revoked or has expired."
)
_WRONG: Final = (
    "The request signature we calculated does not match the signature you provided. Check your secret access key and "
    "signing method, and whether a proxy on the way has changed the Host header, the path or the body."
)


class AuthenticateSigV4:
    """Authenticates requests by AWS's Signature Version 4, of the service `ses` and any region.

    A key that was revoked, has expired, or is of an application that was archived, is refused within five seconds.
    `clock` gives aware UTC.
    """

    def __init__(self, keys: TrustedKeys, *, key_ring: KeyRing, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._key_ring = key_ring
        self._clock = clock

    def __call__(self, request: SignedRequest) -> Caller:
        """The caller. Raises `SignatureRefused`, `RestrictedApiKey`, and `ServiceUnavailable`.

        A signature is computed for unknown keys too, so that they take as long as wrong signatures.
        """
        claim = read_claim(request)
        claim.require_current(self._clock())
        payload = claim.payload_of(sha256(request.body).hexdigest())
        key = self._named(claim)
        secret = self._secret_of(key) if key else None
        is_proven = claim.is_proven_by(secret or _OF_NO_KEY, request, payload)
        if key is None or secret is None:
            raise SignatureRefused(Refusal.UNKNOWN_KEY, _UNKNOWN)
        if not is_proven:
            raise SignatureRefused(Refusal.MISMATCH, _WRONG)
        return caller_of(key)

    def announced(self, request: SignedRequest) -> UUID:
        """The id of the application that a request says it is from, before its body was read. It proves nothing.

        Raises `SignatureRefused` where no body could make the signature right, and `ServiceUnavailable`.
        """
        claim = read_claim(request)
        claim.require_current(self._clock())
        key = self._named(claim)
        if key is None or key.sealed_secret is None:
            raise SignatureRefused(Refusal.UNKNOWN_KEY, _UNKNOWN)
        return key.app.id

    def _named(self, claim: Claim) -> ApiKey | None:
        return self._keys.find(claim.key_id) if _KEY_ID.fullmatch(claim.key_id) else None

    def _secret_of(self, key: ApiKey) -> str | None:
        """The secret, or None without the SES door. Raises `ServiceUnavailable`: no client made it unreadable."""
        if key.sealed_secret is None:
            return None
        try:
            return self._key_ring.open(key.sealed_secret, row_id=key.id).decode()
        except (UnknownSealingKey, Unsealable) as error:
            log.warning("secret_of_key_not_opened", key=key.public_id, detail=str(error))
            raise ServiceUnavailable("The secret of this key cannot be opened here; repeat the request.") from error
