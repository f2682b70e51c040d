"""`/`: where a person who opens the gateway in a browser finds everything else."""

from flask import Response

from app.domain.errors import NotFound
from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.auth import PUBLIC

front_page = Pages("front_page", __name__)


@front_page.page("/", role=PUBLIC, summary="Show where everything else is.")
def get_home() -> Response:
    """Answer with the page. It names no application, no address and no version."""
    return render("operating/front_page.html")


@front_page.page("/console/<path:rest>", role=Role.VIEWER, summary="Say that there is no such page.")
def get_nothing(session: Session, rest: str) -> Response:  # noqa: ARG001
    """Raise `NotFound`: without it, a mistyped address would be answered as a program's request is."""
    raise NotFound("There is no such page.")
