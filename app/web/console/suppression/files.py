"""`/console/import`: import and export."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_files = Pages("console_files", __name__)


@console_files.page("/console/import", role=Role.SUPPORT, summary="Import and export.")
def show_import(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Import and export")
