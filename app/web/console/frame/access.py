"""Who may open a page: a session whose role includes that of the page, and for a change a form that it has sent.

Without a session a page leads to the sign-in and back. A change that another site could have sent is refused.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from flask import Response, g, request, url_for

from app.domain.errors import PosternError
from app.domain.users.roles import Role
from app.services.users.sessions import Session
from app.web.console.frame.cookies import is_form_secret, session_token
from app.web.console.frame.forms import HIDDEN_FIELD
from app.web.http.concurrency_limit import too_many_at_once
from app.web.http.context import current_gateway, current_in_progress

_AT_ONCE: Final = 8
"""The most requests of one user that a process answers at a time."""


class RoleMissing(PosternError):
    """The signed-in user's role does not include this page or change."""

    name, status, title = "role_missing", 403, "Not allowed"


class FormNotOurs(PosternError):
    """The change was not sent by a page of this session."""

    name, status, title = "form_not_ours", 403, "The form has expired"


def current_session() -> Session | None:
    """The session of this request, or None: nobody is signed in."""
    if "session" not in g:
        token, g.session = session_token(), None  # if the look fails, the page that says so is drawn without a session
        g.session = current_gateway().users.sessions.behind(token) if token else None
    found: Session | None = g.session
    return found


def admit(role: Role, *, changes: bool) -> Session | Response:
    """The session of this request if its role includes `role`; a redirect to the sign-in where nobody is signed in.

    Raises `RoleMissing`, `FormNotOurs` for a change without the secret of the session, and `RateLimitExceeded`.
    """
    session = current_session()
    if session is None:
        return lead_to(url_for("sign_in.show_sign_in", **_way_back(changes=changes)))
    structlog.contextvars.bind_contextvars(actor=f"user:{session.user.id}")
    if not current_in_progress().enter(session.user.id, at_most=_AT_ONCE):
        raise too_many_at_once()
    if not session.user.role.includes(role):
        raise RoleMissing(f"This needs the role {role}. Yours is {session.user.role}; an admin can change it.")
    if changes:
        require_same_site()
        _require_secret()
    return session


def require_same_site() -> None:
    """Raise `FormNotOurs` if another site sent the form: browsers say where a form comes from.

    https://www.w3.org/TR/fetch-metadata/ and https://fetch.spec.whatwg.org/#origin-header
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_other = site is not None and site not in {"same-origin", "none"}
    if is_other or (site is None and origin is not None and urlsplit(origin).netloc != request.host):
        raise FormNotOurs("This form was sent from another site. Open the page here, and send it again.")


def _require_secret() -> None:
    if not is_form_secret(request.form.get(HIDDEN_FIELD, ""), session_token() or ""):
        raise FormNotOurs("The page was too old, or you have signed in again since. Go back, reload it and try again.")


def lead_to(url: str) -> Response:
    """The answer that has a browser open another page with GET."""
    return Response(status=303, headers={"Location": url}, mimetype="text/html")


def _way_back(*, changes: bool) -> dict[str, Any]:
    if changes:
        return {}
    return {"next": request.full_path.rstrip("?")}


def is_way_back(path: str) -> bool:
    """Whether a sign-in may lead to this path: a page of the console, and never another host."""
    is_ours = path == "/console" or path.startswith(("/console/", "/console?"))
    return is_ours and not any(mark in path for mark in ("\\", "//", "\n", "\r", ".."))
