"""Which callers may use an operation of SES: a request is signed with a key of Postern, by AWS's Signature Version 4.

The signature covers the body, so the body is read before it is known whose it is. A request without any signature is
refused before that, and only a few large bodies are held at a time whose signature was not checked yet.
"""

from typing import Final

from flask import request

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.sigv4_claims import Refusal, SignatureRefused, SignedRequest
from app.domain.errors import ServiceUnavailable
from app.web.http.auth import let_in
from app.web.http.context import current_gateway, current_in_progress
from app.web.http.requests import read_bytes

_SMALL: Final = 1024 * 1024
_LARGE_AT_ONCE: Final = 8
"""The most bodies of more than `_SMALL` bytes whose signature is not checked yet, in one process."""


def admit() -> Caller:
    """The caller of this request, whose key opens this door. Its scope for the operation is left to the caller.

    Raises `SignatureRefused`, `RateLimitExceeded`, `RestrictedApiKey` and `ServiceUnavailable`.
    """
    if "Authorization" not in request.headers and "X-Amz-Signature" not in request.args:
        raise SignatureRefused(Refusal.MISSING, "Missing Authentication Token")
    caller = current_gateway().authenticate_sigv4(_signed(_body()))
    let_in(caller)
    caller.require(Scope.SES)
    return caller


def raw_uri() -> str:
    """The path and the query string as they travelled, which is what was signed."""
    uri: str = request.environ.get("RAW_URI") or request.environ["REQUEST_URI"]
    return uri


def _body() -> bytes:
    length = request.content_length
    is_large = length > _SMALL if length is not None else "Transfer-Encoding" in request.headers
    if is_large and not current_in_progress().enter("unproven requests", at_most=_LARGE_AT_ONCE):
        raise ServiceUnavailable("Too many large requests are being read now. Repeat this one.", retry_after=1)
    return read_bytes()


def _signed(body: bytes) -> SignedRequest:
    path, _, query = raw_uri().partition("?")
    return SignedRequest(request.method, path, query, tuple(request.headers.items()), body)
