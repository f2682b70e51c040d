"""`/healthz` and `/readyz`: whether this process is alive, and whether the whole gateway can work now.

A process that is alive but not ready must not be restarted for it: the fault is in another process or service.
"""

from dataclasses import asdict

from flask import Response

from app.domain.errors import Fault, ServiceUnavailable
from app.web.http.auth import PUBLIC
from app.web.http.context import current_gateway
from app.web.http.problem_details import problem
from app.web.http.responses import written
from app.web.http.routing import Operation, Routes

health = Routes("health", __name__)


@health.operation("GET", "/healthz", Operation(guard=PUBLIC, summary="Check whether this process answers."))
def get_health() -> Response:
    """Answer 200."""
    return written({"status": "ok"})


@health.operation(
    "GET", "/readyz", Operation(guard=PUBLIC, summary="Check whether the database, Redis and a worker are available.")
)
def get_readiness() -> Response:
    """Answer with every check: 200 when all required ones pass, else 503."""
    checks = current_gateway().health.ready()
    shown = [asdict(check) for check in checks]
    failed = tuple(Fault("", check.name, check.detail) for check in checks if check.required and not check.ok)
    if not failed:
        return written({"status": "ready", "checks": shown})
    names = ", ".join(fault.code for fault in failed)
    return problem(ServiceUnavailable(f"Not ready: {names}.", faults=failed, retry_after=5), checks=shown)
