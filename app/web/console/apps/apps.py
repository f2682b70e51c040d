"""`/console/apps`: applications."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_apps = Pages("console_apps", __name__)


@console_apps.page("/console/apps", role=Role.VIEWER, summary="Applications.")
def show_apps(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Applications")
