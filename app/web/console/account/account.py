"""`/console/account`: aws account."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_account = Pages("console_account", __name__)


@console_account.page("/console/account", role=Role.VIEWER, summary="AWS account.")
def show_account(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="AWS account")
