"""The signature of one kind of request: AWS's Signature Version 4 for a POST of JSON to one URL.

It decides nothing; it computes what botocore's `SigV4Auth` computes, seven times as fast, because the parts that stay
the same between two emails are built once (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html).
Tests hold it to botocore, byte for byte.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, urlsplit

from botocore.credentials import ReadOnlyCredentials

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
        self._begin = f"POST\n{quote(parts.path, safe='/~')}\n\ncontent-type:{JSON}\nhost:{host_of(url)}\nx-amz-date:"
        self._region = region
        self._service = service
        self._clock = clock

    def __call__(self, body: bytes, credentials: ReadOnlyCredentials) -> Signed:
        """The signature of this body at this moment."""
        date = self._clock().strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date[:8]}/{self._region}/{self._service}/aws4_request"
        named, token_line = "content-type;host;x-amz-date", ""
        if credentials.token:
            named, token_line = f"{named};x-amz-security-token", f"x-amz-security-token:{credentials.token}\n"
        canonical = f"{self._begin}{date}\n{token_line}\n{named}\n{sha256(body).hexdigest()}"
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, scope)
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return Signed(
            date=date,
            authorization=f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={named}, Signature={signature}",
            token=credentials.token,
        )


def host_of(url: str) -> str:
    """The `Host` field for a URL: without a user, and without a port that is the usual one."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in {None, _USUAL_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, scope: str) -> bytes:
    """The signing key. It is derived once a day, and when the credentials are renewed."""
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
