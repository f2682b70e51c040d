"""`/console/apps`: application."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_app = Pages("console_app", __name__)


@console_app.page("/console/apps/<app>", role=Role.VIEWER, summary="Application.")
def show_app(session: Session, app: str) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Application")
