"""What a request finds in its application: the gateway and the rates that `create_app` put there."""

from flask import Flask, current_app

from app.web.rate import Rate
from app.wiring import Gateway

_GATEWAY, _RATE = "postern", "postern_rate"


def install(app: Flask, gateway: Gateway) -> None:
    """Let the requests of `app` speak for `gateway`."""
    app.extensions[_GATEWAY] = gateway
    app.extensions[_RATE] = Rate(gateway.settings.requests_per_second)


def current_gateway() -> Gateway:
    """The gateway that this application speaks for."""
    gateway: Gateway = current_app.extensions[_GATEWAY]
    return gateway


def current_rate() -> Rate:
    """The request rates of this process."""
    rate: Rate = current_app.extensions[_RATE]
    return rate
