"""Which callers may use a route: each route has a guard, which is checked before any of the body is read.

This module decides only the order of the checks. The services decide about keys, scopes and applications.
"""

from enum import Enum
from typing import Final

import structlog
from flask import g, request

from app.domain.apps.callers import Caller, Scope
from app.web.http.concurrency_limit import too_many_at_once
from app.web.http.context import current_gateway, current_in_progress, current_rate
from app.web.http.rate_limit import too_many


class Public(Enum):
    """The guard of a route that needs no key."""

    PUBLIC = "public"


PUBLIC: Final = Public.PUBLIC

Guard = Scope | Public


def admit(scope: Scope) -> Caller:
    """The caller of this request, which has a valid key, is within its limits and has `scope`.

    Raises `MissingApiKey`, `InvalidApiKey`, and what `let_in` raises, in this order.
    """
    caller = current_gateway().authenticate(request.headers.get("Authorization"))
    let_in(caller)
    caller.require(scope)
    return caller


def let_in(caller: Caller) -> None:
    """Count a request of this caller, whose key is valid.

    Raises `RateLimitExceeded` for too many requests in a second, and for too many that are being answered at a time.
    """
    structlog.contextvars.bind_contextvars(app=caller.app, actor=caller.actor)
    within = current_rate().spend(caller)
    g.allowance = current_rate().allowance(caller)
    if not within:
        raise too_many()
    if not current_in_progress().enter(caller.app_id):
        raise too_many_at_once()
