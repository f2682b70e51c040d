"""`/console/emails`: emails."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_emails = Pages("console_emails", __name__)


@console_emails.page("/console/emails", role=Role.VIEWER, summary="Emails.")
def show_emails(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Emails")
