"""`/console/sign-in`: begin a session with a password or a one-time link, and end it.

What decides is in `app.services.users.sign_in`. A browser whose sign-in was refused gets the same page for every
reason.
"""

from typing import Annotated, Final

from flask import Response, request, url_for
from pydantic import Field

from app.domain.errors import PosternError
from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame import cookies
from app.web.console.frame.access import is_way_back, lead_to, require_same_site
from app.web.console.frame.forms import Form
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.auth import PUBLIC
from app.web.http.context import current_gateway

sign_in = Pages("sign_in", __name__)

_AGENT: Final = 200
_OVER: Final = "This link was used already, or has ended. Run ./postern user link NAME for a new one."


class WayBack(Form):
    """Where the sign-in leads to."""

    next: Annotated[str, Field(max_length=2_000)] = ""


class Credentials(WayBack):
    """Who signs in. The services decide what a name and a password may be."""

    name: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=256)]
    code: Annotated[str, Field(max_length=8)] | None = None


@sign_in.page("/console/sign-in", role=PUBLIC, summary="Show the sign-in.", query=WayBack)
def show_sign_in(query: WayBack) -> Response:
    """Answer with the form."""
    return sign_in_page(wanted=query.next)


@sign_in.change("/console/sign-in", role=PUBLIC, summary="Sign in with a password.", form=Credentials)
def sign_in_with_password(form: Credentials) -> Response:
    """Begin a session and show the page that was wanted, or say that the sign-in was refused."""
    require_same_site()
    try:
        token = current_gateway().users.sign_in.with_password(
            form.name, form.password, form.code, user_agent=user_agent()
        )
    except PosternError as refused:
        return refusal_page(refused, wanted=form.next, name=form.name)
    return begun(token, form.next)


@sign_in.page("/console/sign-in/link/<token>", role=PUBLIC, summary="Sign in with a one-time link.")
def sign_in_with_link(token: str) -> Response:
    """Begin a session; each page then asks a user without a password to choose one.

    HEAD uses nothing up: programs that show a preview of a message send it.
    """
    if request.method == "HEAD":
        return sign_in_page()
    session_token = current_gateway().users.sign_in.with_link(token, user_agent=user_agent())
    if session_token is None:
        return sign_in_page(status=410, problem=_OVER)
    return begun(session_token)


@sign_in.change("/console/sign-out", role=Role.VIEWER, summary="Sign out.")
def sign_out(session: Session, form: Form) -> Response:  # noqa: ARG001 - every change has a form
    """End the session. A person of an OpenID provider is then offered to sign out there."""
    users = current_gateway().users
    users.sessions.end(cookies.session_token() or "")
    has_provider = session.user.has_openid and users.openid is not None
    return cookies.end(lead_to(url_for("openid.show_signed_out" if has_provider else "sign_in.show_sign_in")))


def sign_in_page(
    *, wanted: str = "", name: str = "", problem: str = "", status: int = 200, signed_out_at: str | None = None
) -> Response:
    """The page of the sign-in, with what went wrong before, if anything, or where the provider signs people out."""
    openid = current_gateway().users.openid
    shows = {"next": wanted, "name": name, "problem": problem, "provider": openid.name if openid else ""}
    return render("users/sign_in.html", status=status, **shows, signed_out_at=signed_out_at)


def refusal_page(refused: PosternError, *, wanted: str = "", name: str = "") -> Response:
    """The page of the sign-in after one that was refused."""
    answer = sign_in_page(wanted=wanted, name=name, problem=refused.detail, status=refused.status)
    if refused.retry_after is not None:
        answer.headers["Retry-After"] = str(refused.retry_after)
    return answer


def begun(token: str, wanted: str = "") -> Response:
    """Lead to the page that was wanted, with the new session; the one that the browser had before ends."""
    current_gateway().users.sessions.end(cookies.session_token() or "")
    return cookies.begin(lead_to(wanted if is_way_back(wanted) else url_for("overview.show_overview")), token)


def user_agent() -> str:
    """What the browser says that it is, as long as it is kept."""
    return request.user_agent.string[:_AGENT]
