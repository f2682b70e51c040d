"""The body of every failure, on every route: RFC 9457 problem details plus the fields that Resend's clients read.

This module decides how an error is written, never whether something is one. An unexpected exception becomes a 500 that
names no cause. It is logged without any value, under the request id that the response has too.
"""

from typing import Any

import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as MethodNotAllowedByWerkzeug
from werkzeug.exceptions import NotFound as NotFoundByWerkzeug
from werkzeug.routing import MapAdapter

from app.domain.errors import (
    Fault,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PosternError,
    RateLimitExceeded,
    ServiceUnavailable,
    UnsupportedMediaType,
)
from app.telemetry import LogEvent
from app.web.http.faults.paths import advice_for_method, advice_for_path
from app.web.http.rate_limit import headers_of
from app.web.http.responses import written

_log = structlog.get_logger()

PROBLEM = "application/problem+json"
JSON = "application/json"

_OF_HTTP: dict[int, PosternError] = {
    413: PayloadTooLarge("The body is larger than this gateway accepts."),
    415: UnsupportedMediaType("This path does not accept the media type of the body."),
    429: RateLimitExceeded("Too many requests."),
    503: ServiceUnavailable("The service is not available."),
}
_MALFORMED = MalformedRequest("The request is malformed.")
_UNFORESEEN = PosternError("The gateway failed. Give the request id to its operators.")


def register(app: Flask) -> None:
    """Answer every failure of `app` with a problem body."""
    app.register_error_handler(PosternError, problem)
    app.register_error_handler(HTTPException, _http_failure)
    app.register_error_handler(Exception, _unforeseen)


def problem(error: PosternError, **extra: Any) -> Response:
    """The response for `error`, with additional members in `extra`.

    Only a client that asks for `application/problem+json` gets that type: Resend's clients accept `application/json`
    only.
    """
    body = {
        "type": f"urn:postern:error:{error.name}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "errors": [_member(fault) for fault in error.faults],
        "request_id": g.request_id,
        "statusCode": error.status,
        "name": error.name,
        "message": error.detail,
        **extra,
    }
    answer = written(body, status=error.status)
    answer.mimetype = PROBLEM if _asks_for_problem() else JSON
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, RateLimitExceeded) and error.allowance is not None:
        answer.headers.update(headers_of(error.allowance))
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _member(fault: Fault) -> dict[str, str]:
    return {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail}


def _asks_for_problem() -> bool:
    return PROBLEM in request.accept_mimetypes.values()


def _http_failure(error: HTTPException) -> Response:
    """The response for a failure that Flask or Werkzeug found, without their text, which may repeat the request."""
    answer = problem(named_failure(error))
    if isinstance(error, MethodNotAllowedByWerkzeug) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def named_failure(error: HTTPException) -> PosternError:
    """The error of ours for a failure that Flask or Werkzeug found."""
    code = error.code or 500
    if isinstance(error, NotFoundByWerkzeug):
        return NotFound(advice_for_path(request.path, _served()))
    if isinstance(error, MethodNotAllowedByWerkzeug):
        return MethodNotAllowed(advice_for_method(request.method, tuple(error.valid_methods or ())))
    return _OF_HTTP.get(code, _MALFORMED if code < 500 else _UNFORESEEN)


def _served() -> MapAdapter:
    """What the application serves, to be asked about a path."""
    return current_app.url_map.bind_to_environ(request.environ)


def _unforeseen(error: Exception) -> Response:
    return problem(note_unforeseen(error))


def note_unforeseen(error: Exception) -> PosternError:
    """Log an exception that no code expects. The error to answer with, which names no cause."""
    _log.error(LogEvent.REQUEST_FAILED, exc_info=error)
    return _UNFORESEEN
