"""Draw a page: a template, what it shows, and the headers that keep a browser from doing anything else with it.

Texts are escaped, and each of them is masked where the person may not see addresses: a template cannot forget it.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, current_app, g, request, stream_with_context, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from app.domain.errors import PosternError
from app.domain.users.roles import Role
from app.web.console.frame.access import current_session
from app.web.console.frame.cookies import form_secret, session_token
from app.web.console.frame.files import asset_url
from app.web.console.frame.forms import HIDDEN_FIELD, PAGE_FIELD
from app.web.console.frame.masks import shown, shown_endpoint
from app.web.console.frame.navigation import navigation
from app.web.console.frame.operations import page_operation_of

DONE: Final = "done"
"""The parameter by which the page after a change shows what was done."""

_MARK: Final = Markup("<!-- pieces -->")
_TEMPLATES: Final = Path(__file__).parents[1] / "templates"
_HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def render(template: str, *, status: int = 200, **shows: Any) -> Response:
    """The page that a template below `templates` draws."""
    text = _environment().get_template(template).render(**shows)
    answer = Response(text, status=status, mimetype="text/html")
    answer.headers.update(_HEADERS)
    return answer


def render_around(pieces: Generator[str], template: str, **shows: Any) -> Response:
    """The page, sent while `pieces` are made: they stand where the template has `mark`.

    The first piece is made at once, and the generator is closed in any case, so that it knows when the browser leaves.
    """
    first, page = next(pieces), render(template, **shows, mark=_MARK)
    before, after = page.get_data(as_text=True).split(_MARK)
    answer = Response(stream_with_context(_sent(before + first, pieces, after)), mimetype="text/html")
    answer.headers.update({**page.headers, "X-Accel-Buffering": "no"})
    del answer.headers["Content-Length"]
    return answer


def _sent(before: str, pieces: Generator[str], after: str) -> Iterator[str]:
    with closing(pieces):
        yield before
        yield from pieces
        yield after


def problem_page(error: PosternError, *, status: int | None = None) -> Response:
    """The page that says what went wrong, which fields are wrong, and what to do next."""
    answer = render("problem.html", status=status or error.status, error=error, request_id=g.request_id)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        url_for=url_for,
        asset=asset_url,
        may=_may,
        signed_in=current_session,
        form_secret=_secret_field,
        navigation=navigation,
        done=_done,
        here=lambda: request.path,
    )
    made.filters.update(moment=_moment, number=_number, own=_own, endpoint=shown_endpoint)
    return made


@pass_context  # so that Jinja asks at each request, and never while it compiles a template
def _seen(_: Context, value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _may(role: str) -> bool:
    """Whether the person of this request has the role, so that a page offers no button that is refused."""
    session = current_session()
    return session is not None and session.user.role.includes(Role(role))


def _secret_field() -> Markup:
    """What every form has: the secret of the session, and the page that it is on."""
    fields = {HIDDEN_FIELD: form_secret(session_token() or ""), PAGE_FIELD: _page()}
    hidden = Markup('<input type="hidden" name="{}" value="{}">')
    return Markup("").join(hidden.format(name, value) for name, value in fields.items())


def _page() -> str:
    """The page of this request, to be shown again. One that answers a change is shown as the page before it was."""
    if request.method == "POST":
        return str(g.get(PAGE_FIELD, ""))
    query = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != DONE])
    return f"{request.path}?{query}" if query else request.path


def _done() -> str:
    """What the change before this page has done."""
    view = current_app.view_functions.get(request.args.get(DONE, ""))
    operation = page_operation_of(view) if view else None
    return operation.done if operation else ""


def _moment(at: datetime | None) -> Markup | str:
    """A time for people, in UTC, that scripts can read too."""
    if at is None:
        return "—"
    words = f"{at.day} {at:%b %Y, %H:%M}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}", words
    )


def _number(value: float) -> str:
    return f"{value:,}"


def _own(text: str) -> Markup:
    """A text of the signed-in person's own, which is not masked for them."""
    return escape(text)
