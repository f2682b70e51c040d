"""What every request gets and every answer carries: an id, a line in the log, and the headers of a careful server.

The line names the route, never the path or the query string, which may hold an address.
"""

import time

import structlog
from flask import Flask, Response, g, request
from uuid_utils.compat import uuid7

from app.telemetry import LogEvent

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
    """Give `app` the edge. `secure`: it is reached by https, and browsers may insist on that."""
    app.before_request(_begin)
    app.after_request(_finish)
    if secure:
        app.after_request(_insist_on_https)


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = str(uuid7())
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if "allowance" in g:
        response.headers.update(g.allowance.headers())
    _log.info(
        LogEvent.REQUEST_ANSWERED,
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round(1000 * (time.perf_counter() - g.started), 1),
    )
    return response


def _insist_on_https(response: Response) -> Response:
    response.headers["Strict-Transport-Security"] = _ONE_YEAR
    return response
