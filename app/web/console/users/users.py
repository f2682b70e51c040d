"""`/console/users`: users."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_users = Pages("console_users", __name__)


@console_users.page("/console/users", role=Role.ADMIN, summary="Users.")
def show_users(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Users")
