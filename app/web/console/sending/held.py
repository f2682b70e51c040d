"""`/console/held`: held emails."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_held = Pages("console_held", __name__)


@console_held.page("/console/held", role=Role.VIEWER, summary="Held emails.")
def show_held(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Held emails")
