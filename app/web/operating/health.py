"""`/healthz` and `/readyz`: whether this process lives, and whether the whole can do its work now.

A process that lives but is not ready must not be restarted for it: what is away is elsewhere.
"""

from dataclasses import asdict

from flask import Response

from app.domain.errors import Fault, ServiceUnavailable
from app.web.answers import written
from app.web.auth import PUBLIC
from app.web.context import current_gateway
from app.web.errors import problem
from app.web.routing import Operation, Routes

health = Routes("health", __name__)


@health.operation("GET", "/healthz", Operation(guard=PUBLIC, summary="Whether this process answers."))
def get_health() -> Response:
    """Answer 200."""
    return written({"status": "ok"})


@health.operation(
    "GET", "/readyz", Operation(guard=PUBLIC, summary="Whether the database, Redis and a worker are there.")
)
def get_readiness() -> Response:
    """Answer 200 with every check when those that are required hold, else 503 with the same checks."""
    checks = current_gateway().health.ready()
    told = [asdict(check) for check in checks]
    failed = tuple(Fault("", check.name, check.detail) for check in checks if check.required and not check.ok)
    if not failed:
        return written({"status": "ready", "checks": told})
    names = ", ".join(fault.code for fault in failed)
    return problem(ServiceUnavailable(f"Not ready: {names}.", faults=failed, retry_after=5), checks=told)
