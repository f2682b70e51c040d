"""`/console/webhooks`: endpoint."""

from uuid import UUID

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_endpoint = Pages("console_endpoint", __name__)


@console_endpoint.page("/console/webhooks/<uuid:endpoint_id>", role=Role.VIEWER, summary="Endpoint.")
def show_endpoint(session: Session, endpoint_id: UUID) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Endpoint")
