"""`/console/failed-deliveries`: failed webhooks."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_failed_deliveries = Pages("console_failed_deliveries", __name__)


@console_failed_deliveries.page("/console/failed-deliveries", role=Role.VIEWER, summary="Failed webhooks.")
def show_failed_deliveries(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Failed webhooks")
