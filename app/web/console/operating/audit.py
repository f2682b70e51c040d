"""`/console/audit`: audit."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_audit = Pages("console_audit", __name__)


@console_audit.page("/console/audit", role=Role.OPERATOR, summary="Audit.")
def show_audit(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Audit")
