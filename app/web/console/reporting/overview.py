"""`/console`: whether email flows, whether anything is wrong, and what to do about it."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

overview = Pages("overview", __name__)


@overview.page("/console", role=Role.VIEWER, summary="Show the overview.")
def show_overview(session: Session) -> Response:  # noqa: ARG001
    """Answer with the figures of this moment."""
    return render("reporting/overview.html", figures=current_gateway().measure())
