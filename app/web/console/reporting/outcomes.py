"""`/console/outcomes`: outcomes."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_outcomes = Pages("console_outcomes", __name__)


@console_outcomes.page("/console/outcomes", role=Role.VIEWER, summary="Outcomes.")
def show_outcomes(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Outcomes")
