"""`/console/notifications`: notifications."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_notifications = Pages("console_notifications", __name__)


@console_notifications.page("/console/notifications", role=Role.OPERATOR, summary="Notifications.")
def show_notifications(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Notifications")
