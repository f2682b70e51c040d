"""`/console/suppressions`: suppressions."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_suppressions = Pages("console_suppressions", __name__)


@console_suppressions.page("/console/suppressions", role=Role.VIEWER, summary="Suppressions.")
def show_suppressions(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Suppressions")
