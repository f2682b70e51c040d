"""What a request says of its own signature, in headers or in the query: read, bounded, and held to AWS's rules.

It decides which forms are taken, and for how long a signature is good. Whether it is right is decided with the secret.
The sentences are AWS's where AWS has one, since its SDKs and its users know them. None has a value of the request.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from hmac import compare_digest
from typing import Final
from urllib.parse import unquote

from app.domain.apps.sigv4 import (
    ALGORITHM,
    TERMINATOR,
    canonical_path,
    canonical_query,
    canonical_request,
    canonical_value,
    signature,
    signing_key,
    string_to_sign,
)
from app.domain.errors import InvalidApiKey

SKEW: Final = timedelta(minutes=5)
LONGEST_PRESIGNED_S: Final = 7 * 24 * 60 * 60
_SERVICE: Final = "ses"
"""Of the SES API v2 as well: https://docs.aws.amazon.com/general/latest/gr/ses.html."""

_LONGEST_AUTHORIZATION: Final = 4096
_LONGEST_TARGET: Final = 16 * 1024
_MOST_SIGNED_HEADERS: Final = 64

_PARTS: Final = ("Credential", "SignedHeaders", "Signature")
_PARAMETERS: Final = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_SIGNATURE: Final = "X-Amz-Signature"
_TOKEN: Final = "X-Amz-Security-Token"  # noqa: S105 - the name of a header
_PAYLOAD: Final = "x-amz-content-sha256"
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"

_CREDENTIAL: Final = re.compile(r"([^/\s]{1,128})/([0-9]{8})/([A-Za-z0-9_-]{1,64})/([^/\s]{1,64})/([^/\s]{1,64})")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,256}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_ISO_8601: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_SECONDS: Final = re.compile(r"[0-9]{1,6}")


class Refusal(StrEnum):
    """AWS's codes of the common errors that a signature can meet."""

    MISSING = "MissingAuthenticationToken"
    INCOMPLETE = "IncompleteSignature"
    UNKNOWN_KEY = "InvalidClientTokenId"
    MISMATCH = "SignatureDoesNotMatch"


class SignatureRefused(InvalidApiKey):
    """The signature of a request is missing, malformed, out of date or wrong; `code` is what AWS calls that."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it travelled: path and query not decoded, the characters of headers in place of bytes."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A signature as a request claims it. `headers` are those that are signed, in canonical form.

    `expires_s` is None unless the request is a presigned URL; `payload` is the header that says what is signed in place
    of the body, None without it.
    """

    key_id: str
    scope: str
    signed_at: datetime
    expires_s: int | None
    headers: tuple[tuple[str, str], ...]
    payload: str | None
    signature: str

    def require_current(self, now: datetime) -> None:
        """Raise `SignatureRefused` before the signature is good, and after: five minutes, unless it is presigned."""
        signed_at = _iso_8601(self.signed_at)
        if self.signed_at > now + SKEW:
            bound = f"{_iso_8601(now + SKEW)} ({_iso_8601(now)} + 5 min.)"
            raise _mismatch(f"Signature not yet current: {signed_at} is still later than {bound}")
        lasts = SKEW if self.expires_s is None else timedelta(seconds=self.expires_s)
        if self.signed_at + lasts < now:
            span = "5 min." if self.expires_s is None else f"{self.expires_s} s"
            bound = f"{_iso_8601(now - lasts)} ({_iso_8601(now)} - {span})"
            raise _mismatch(f"Signature expired: {signed_at} is now earlier than {bound}")

    def payload_of(self, body_hash: str) -> str:
        """What is signed in place of the body with this SHA-256. Raises `SignatureRefused`.

        It is that hash, or `UNSIGNED-PAYLOAD` where a signed header says so. The SDKs of AWS sign the hash for SES; a
        presigned URL without it would send for days whatever anyone puts into it.
        """
        if self.payload is None or self.payload == body_hash:
            return body_hash
        if self.payload == _UNSIGNED:
            if self.expires_s is None and _PAYLOAD in dict(self.headers):
                return _UNSIGNED
            raise _incomplete(f"{_UNSIGNED} is taken in a signed header only, and not with a presigned URL.")
        if self.payload.startswith("STREAMING-"):
            raise _incomplete("A body in signed chunks (STREAMING-…) is not taken: sign the SHA-256 of the body.")
        raise _mismatch(f"The header {_PAYLOAD} is not the SHA-256 of the body that arrived.")

    def is_proven_by(self, secret: str, request: SignedRequest, payload: str) -> bool:
        """Whether the holder of this secret has signed this request with this hash of its body; in constant time."""
        canonical = canonical_request(
            request.method.upper(),
            canonical_path(request.path),
            canonical_query(request.query, without=_SIGNATURE),
            self.headers,
            payload,
        )
        signed = string_to_sign(_iso_8601(self.signed_at), self.scope, canonical)
        return compare_digest(signature(signing_key(secret, self.scope), signed), self.signature)


def read_claim(request: SignedRequest) -> Claim:
    """The signature that a request claims to have. Raises `SignatureRefused`."""
    target = request.path + request.query
    if len(target) > _LONGEST_TARGET or not target.isascii():
        raise _incomplete(f"Path and query are percent-encoded, and have {_LONGEST_TARGET} characters at most.")
    if "+" in request.query:
        # A signature is the same for + and %2B, and a reader of the query takes the one for a space.
        raise _incomplete("A query has no +: write a space as %20, and a plus as %2B.")
    headers, parameters = _folded(request.headers), _of_presigned(request.query)
    authorization = headers.get("authorization") or None
    if authorization is None and not parameters:
        raise SignatureRefused(Refusal.MISSING, "Missing Authentication Token")
    if authorization is not None and parameters:
        raise _incomplete("A request is signed in its Authorization header or in its query, not in both.")
    if _TOKEN.lower() in headers or _TOKEN in parameters:
        raise SignatureRefused(
            Refusal.UNKNOWN_KEY, f"Session tokens ({_TOKEN}) are not taken: use an access key of Postern without one."
        )
    if authorization is None:
        return _claim(_presigned(parameters), headers, date=parameters["X-Amz-Date"], dated_by=None)
    parts = _of_authorization(authorization)
    dated_by = "x-amz-date" if "x-amz-date" in headers else "date"
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARTS if not parts.get(name)]
    if dated_by not in headers:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise _incomplete(" ".join(missing))
    return _claim(parts, headers, date=headers[dated_by], dated_by=dated_by)


def _claim(parts: Mapping[str, str], headers: Mapping[str, str], *, date: str, dated_by: str | None) -> Claim:
    credential = _CREDENTIAL.fullmatch(parts["Credential"])
    if credential is None:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    key_id, day, region, service, terminator = credential.groups()
    signed_at = _read_date(date)
    if day != _iso_8601(signed_at)[:8]:
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    if service != _SERVICE:
        raise _mismatch(f"Credential should be scoped to correct service: '{_SERVICE}'.")
    if terminator != TERMINATOR:
        raise _mismatch(f"Credential should be scoped with a valid terminator: '{TERMINATOR}'.")
    if not _HASH.fullmatch(parts["Signature"]):
        raise _incomplete("The signature has 64 hexadecimal digits in lower case.")
    return Claim(
        key_id=key_id,
        scope=f"{day}/{region}/{service}/{terminator}",
        signed_at=signed_at,
        expires_s=int(parts["Expires"]) if dated_by is None else None,
        headers=_signed_headers(parts["SignedHeaders"], headers, dated_by),
        payload=headers.get(_PAYLOAD),
        signature=parts["Signature"],
    )


def _signed_headers(named: str, headers: Mapping[str, str], dated_by: str | None) -> tuple[tuple[str, str], ...]:
    names = named.split(";")
    if len(names) > _MOST_SIGNED_HEADERS or not all(map(_HEADER_NAME.fullmatch, names)):
        raise _incomplete(f"SignedHeaders has at most {_MOST_SIGNED_HEADERS} names in lower case, with ; between them.")
    if "host" not in names:
        raise _mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if dated_by is not None and dated_by not in names:
        raise _mismatch("The header with the date must be a 'SignedHeader' in the AWS Authorization.")
    if not headers.keys() >= set(names):
        raise _mismatch("A header that was signed did not arrive: something on the way has removed or renamed it.")
    return tuple((name, headers[name]) for name in names)


def _of_authorization(text: str) -> dict[str, str]:
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"The Authorization header begins with {ALGORITHM}, AWS's Signature Version 4.")
    if len(text) > _LONGEST_AUTHORIZATION:
        raise _incomplete(f"The Authorization header has {_LONGEST_AUTHORIZATION} characters at most.")
    parts = [part.strip().partition("=") for part in rest.split(",")]
    if len(parts) != len({name for name, _, _ in parts}):
        raise _incomplete("A part of the Authorization header is there twice.")
    return {name: value for name, _, value in parts}


def _of_presigned(query: str) -> dict[str, str]:
    """The parameters of a presigned URL. Empty without one of them."""
    if "X-Amz-" not in query:
        return {}
    pairs = [pair.partition("=") for pair in query.split("&") if pair.startswith("X-Amz-")]
    if len(pairs) != len({name for name, _, _ in pairs}):
        raise _incomplete("A parameter of the signature is in the query twice.")
    return {name: unquote(value) for name, _, value in pairs}


def _presigned(parameters: Mapping[str, str]) -> dict[str, str]:
    missing = [f"'X-Amz-{name}'" for name in _PARAMETERS if not parameters.get(f"X-Amz-{name}")]
    if missing:
        raise _incomplete(f"AWS query-string parameters must include {', '.join(missing)}.")
    parts = {name: parameters[f"X-Amz-{name}"] for name in _PARAMETERS}
    if parts["Algorithm"] != ALGORITHM:
        raise _incomplete(f"X-Amz-Algorithm is {ALGORITHM}.")
    if not _SECONDS.fullmatch(parts["Expires"]) or not 1 <= int(parts["Expires"]) <= LONGEST_PRESIGNED_S:
        raise _incomplete(f"X-Amz-Expires is a number of seconds from 1 to {LONGEST_PRESIGNED_S}, a week.")
    return parts


def _folded(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The headers by name in lower case, canonical; those with one name are joined by commas (RFC 9110 section 5.3)."""
    folded: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        folded[key] = f"{folded[key]},{canonical_value(value)}" if key in folded else canonical_value(value)
    return folded


def _read_date(text: str) -> datetime:
    """The date of a request: ISO 8601 in its basic format, or, in the header `Date`, that of RFC 9110."""
    basic = _ISO_8601.fullmatch(text)
    try:
        if basic:
            year, month, day, hour, minute, second = map(int, basic.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        read = parsedate_to_datetime(text[:64])
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _incomplete("Date must be in ISO-8601 'basic format', such as 20260131T235959Z.") from error


def _iso_8601(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _incomplete(detail: str) -> SignatureRefused:
    return SignatureRefused(Refusal.INCOMPLETE, detail)


def _mismatch(detail: str) -> SignatureRefused:
    return SignatureRefused(Refusal.MISMATCH, detail)
