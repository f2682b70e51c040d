"""`/console/incidents`: incidents."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_incidents = Pages("console_incidents", __name__)


@console_incidents.page("/console/incidents", role=Role.VIEWER, summary="Incidents.")
def show_incidents(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Incidents")
