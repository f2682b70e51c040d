"""Who may use a route: each names its guard, and the guard is asked before anything of the body is read.

It decides only the order of the questions. Keys, scopes and applications are the services' affair.
"""

from enum import Enum
from typing import Final

import structlog
from flask import g, request

from app.domain.callers import Caller, Scope
from app.web.context import current_gateway, current_rate
from app.web.rate import too_many


class Public(Enum):
    """The guard of a route that asks for no key."""

    PUBLIC = "public"


PUBLIC: Final = Public.PUBLIC

Guard = Scope | Public


def admit(scope: Scope) -> Caller:
    """Who is asking: known, within the rate and allowed to.

    Raises `MissingApiKey`, `InvalidApiKey`, `RateLimitExceeded` and `RestrictedApiKey`, in this order.
    """
    caller = current_gateway().authenticate(request.headers.get("Authorization"))
    structlog.contextvars.bind_contextvars(app=caller.app, actor=caller.actor)
    within = current_rate().spend(caller)
    g.allowance = current_rate().allowance(caller)
    if not within:
        raise too_many()
    caller.require(scope)
    return caller
