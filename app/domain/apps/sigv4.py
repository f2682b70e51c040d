"""AWS's Signature Version 4 as a computation, for requests that we sign and for requests that we check.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html has the rules. Tests hold it
to botocore.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"


def canonical_path(path: str) -> str:
    """A path, percent-encoded as it travels, as all services but S3 sign it.

    That is without dot segments and repeated slashes, and percent-encoded once more.
    """
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def canonical_query(query: str, *, without: str | None = None) -> str:
    """A query, as it travels, encoded in the one way that is signed and sorted; `without` is a name to leave out."""
    if not query:
        return ""
    pairs = (pair.partition("=") for pair in query.split("&"))
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs if name != without)
    return "&".join(f"{name}={value}" for name, value in encoded)


def canonical_value(value: str) -> str:
    """The value of a header, trimmed, with one space in place of each run of white space."""
    return " ".join(value.split())


def canonical_request(method: str, path: str, query: str, headers: Sequence[tuple[str, str]], payload: str) -> bytes:
    """The text whose hash is signed. All parts are canonical, and the names of headers in lower case.

    `payload` is the SHA-256 of the body in hexadecimal digits. Characters stand for bytes, as in WSGI (PEP 3333).
    """
    lines = [method, path, query, *(f"{name}:{value}" for name, value in headers), ""]
    return "\n".join([*lines, ";".join(name for name, _ in headers), payload]).encode("latin-1", "replace")


def string_to_sign(date: str, scope: str, canonical: bytes) -> bytes:
    """What the signing key signs: `date` as `20260131T235959Z`, `scope` as `20260131/eu-west-1/ses/aws4_request`."""
    return f"{ALGORITHM}\n{date}\n{scope}\n{sha256(canonical).hexdigest()}".encode()


def signing_key(secret: str, scope: str) -> bytes:
    """The key of one day, region and service, derived from a secret access key."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, signed: bytes) -> str:
    """The signature under a signing key, in hexadecimal digits."""
    return hmac.digest(key, signed, "sha256").hex()


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="")
