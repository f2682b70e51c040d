"""Which callers may use an operation of SES: a request is signed with a key of Postern, by AWS's Signature Version 4.

The signature covers the body, so the body is read before it is known that the request is from whom it says. A large one
is read only where it says so by the id of a key, and for each application a few at a time.
"""

from dataclasses import replace
from typing import Final
from uuid import UUID

from flask import request

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.sigv4_claims import SignedRequest
from app.domain.errors import ServiceUnavailable
from app.web.http.auth import let_in
from app.web.http.context import current_gateway, current_in_progress
from app.web.http.requests import read_bytes

_SMALL: Final = 1024 * 1024
_LARGE_AT_ONCE: Final = 8
"""The most bodies of more than `_SMALL` bytes that are read at a time for one application, before they are proven."""


def admit() -> Caller:
    """The caller of this request, whose key opens this door. Its scope for the operation is left to the caller.

    Raises `SignatureRefused`, `RateLimitExceeded`, `RestrictedApiKey` and `ServiceUnavailable`.
    """
    head = _without_body()
    if _is_large():
        _wait_in_line(current_gateway().authenticate_sigv4.announced(head))
    caller = current_gateway().authenticate_sigv4(replace(head, body=read_bytes()))
    let_in(caller)
    caller.require(Scope.SES)
    return caller


def raw_uri() -> str:
    """The path and the query string as they travelled, which is what was signed."""
    uri: str = request.environ.get("RAW_URI") or request.environ["REQUEST_URI"]
    return uri


def _is_large() -> bool:
    length = request.content_length
    return length > _SMALL if length is not None else "Transfer-Encoding" in request.headers


def _wait_in_line(app_id: UUID) -> None:
    """Count this request as a large one that says it is from this application. It ends with `let_in`, if not before."""
    if not current_in_progress().enter(("unproven", app_id), at_most=_LARGE_AT_ONCE):
        raise ServiceUnavailable("Too many large requests are being read now. Repeat this one.", retry_after=1)


def _without_body() -> SignedRequest:
    path, _, query = raw_uri().partition("?")
    return SignedRequest(request.method, path, query, tuple(request.headers.items()), b"")
