"""`/console/addresses`: address."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_address = Pages("console_address", __name__)


@console_address.page("/console/addresses/<token>", role=Role.VIEWER, summary="Address.")
def show_address(session: Session, token: str) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Address")
