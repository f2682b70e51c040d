"""Access for requests to the gateway, request rates and counts that `create_app` installs in the application."""

from uuid import UUID

from flask import Flask, current_app, g

from app.web.http.concurrency_limit import InProgress
from app.web.http.rate_limit import Rate
from app.wiring.gateway import Gateway

_GATEWAY, _RATE, _IN_PROGRESS = "postern", "postern_rate", "postern_in_progress"


def install(app: Flask, gateway: Gateway) -> None:
    """Make `gateway` the one that the requests of `app` use."""
    app.extensions[_GATEWAY] = gateway
    app.extensions[_RATE] = Rate(gateway.settings.requests_per_second)
    app.extensions[_IN_PROGRESS] = InProgress(gateway.settings.requests_at_once)


def current_gateway() -> Gateway:
    """The gateway of this application."""
    gateway: Gateway = current_app.extensions[_GATEWAY]
    return gateway


def current_request_id() -> UUID:
    """The id of this request: that of its log lines, and the `X-Request-Id` of its answer."""
    return UUID(g.request_id)


def current_rate() -> Rate:
    """The request rates of this process."""
    rate: Rate = current_app.extensions[_RATE]
    return rate


def current_in_progress() -> InProgress:
    """The requests that this process is answering."""
    in_progress: InProgress = current_app.extensions[_IN_PROGRESS]
    return in_progress
