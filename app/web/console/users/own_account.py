"""`/console/own-account`: a person's own password, authenticator and sessions."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

own_account = Pages("own_account", __name__)


@own_account.page("/console/own-account", role=Role.VIEWER, summary="Show your sign-in.")
def show_own_account(session: Session) -> Response:
    """Answer with the forms, and the sessions that are open."""
    return render("users/own_account.html", sessions=current_gateway().users.sessions.of_user(session.user.id))
