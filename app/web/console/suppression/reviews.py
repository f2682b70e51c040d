"""`/console/reviews`: reviews."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render

console_reviews = Pages("console_reviews", __name__)


@console_reviews.page("/console/reviews", role=Role.VIEWER, summary="Reviews.")
def show_reviews(session: Session) -> Response:  # noqa: ARG001
    """Answer with a skeleton."""
    return render("skeleton.html", title="Reviews")
