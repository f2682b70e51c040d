"""What every request gets: an id, a line in the log, and security headers on its response.

The log line names the route, never the path or the query string, which may hold an address.
"""

import time

import structlog
from flask import Flask, Response, g, request
from uuid_utils.compat import uuid7

from app import tracing
from app.domain.errors import Allowance
from app.telemetry import LogEvent
from app.web.http.context import current_in_progress
from app.web.http.rate_limit import headers_of

_log = structlog.get_logger()

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ONE_YEAR = "max-age=31536000"


def register(app: Flask, *, secure: bool) -> None:
    """Install the hooks in `app`. With `secure` it is reached by https, and responses tell browsers to insist on it."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)
    if secure:
        app.after_request(_insist_on_https)


def _begin() -> None:
    current_in_progress().leave()
    g.started = time.perf_counter()
    request_id = uuid7()
    g.request_id = str(request_id)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    route = request.url_rule.rule if request.url_rule else None
    g.span = tracing.request(f"{request.method} {route}" if route else "no route", request_id)
    g.span.note(method=request.method, route=route)


def _finish(response: Response) -> Response:
    allowance: Allowance | None = g.get("allowance")
    _add_headers(response, {"X-Request-Id": g.request_id} | _HEADERS | (headers_of(allowance) if allowance else {}))
    response.call_on_close(current_in_progress().leave)
    _log.info(
        LogEvent.REQUEST_ANSWERED,
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round(1000 * (time.perf_counter() - g.started), 1),
    )
    g.span.note(status=response.status_code)
    g.span.end()
    return response


def _forget(_: BaseException | None) -> None:
    structlog.contextvars.clear_contextvars()


def _add_headers(response: Response, fields: dict[str, str]) -> None:
    """Add the fields that the view did not set, in one call: Werkzeug scans the whole list for each field it sets."""
    present = {name.lower() for name, _ in response.headers}
    response.headers.extend({name: value for name, value in fields.items() if name.lower() not in present})


def _insist_on_https(response: Response) -> Response:
    response.headers["Strict-Transport-Security"] = _ONE_YEAR
    return response
