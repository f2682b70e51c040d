"""`/console/emails`: email."""

from uuid import UUID

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_email = Pages("console_email", __name__)


@console_email.page("/console/emails/<uuid:email_id>", role=Role.VIEWER, summary="Email.")
def show_email(session: Session, email_id: UUID) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Email")
