"""The signature of one kind of request: AWS's Signature Version 4 for a POST of JSON to one URL.

It decides nothing; it computes what botocore's `SigV4Auth` computes, seven times as fast, because the parts that stay
the same between two emails are built once. Tests hold it to botocore, byte for byte.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from botocore.credentials import ReadOnlyCredentials

from app.domain.apps.sigv4 import ALGORITHM, TERMINATOR, canonical_path, signature, signing_key, string_to_sign

JSON = "application/json"
_USUAL_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Signed:
    """The headers that differ with each signed request."""

    date: str
    authorization: str
    token: str | None


class Signer:
    """Signs POSTs of JSON to one URL. `clock` gives aware UTC."""

    def __init__(self, url: str, *, region: str, service: str, clock: Callable[[], datetime]) -> None:
        parts = urlsplit(url)
        self._begin = f"POST\n{canonical_path(parts.path)}\n\ncontent-type:{JSON}\nhost:{host_of(url)}\nx-amz-date:"
        self._region = region
        self._service = service
        self._clock = clock

    def __call__(self, body: bytes, credentials: ReadOnlyCredentials) -> Signed:
        """The signature of this body at this moment."""
        date = self._clock().strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date[:8]}/{self._region}/{self._service}/{TERMINATOR}"
        named, token_line = "content-type;host;x-amz-date", ""
        if credentials.token:
            named, token_line = f"{named};x-amz-security-token", f"x-amz-security-token:{credentials.token}\n"
        canonical = f"{self._begin}{date}\n{token_line}\n{named}\n{sha256(body).hexdigest()}"
        key = _signing_key(credentials.secret_key, scope)
        signed = signature(key, string_to_sign(date, scope, canonical.encode()))
        return Signed(
            date=date,
            authorization=f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={named}, Signature={signed}",
            token=credentials.token,
        )


def host_of(url: str) -> str:
    """The `Host` field for a URL: without a user, and without a port that is the usual one."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in {None, _USUAL_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


_signing_key = lru_cache(maxsize=8)(signing_key)
"""It is derived once a day, and when the credentials are renewed."""
