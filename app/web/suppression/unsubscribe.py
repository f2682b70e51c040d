"""`/unsubscribe/<token>`: the target of the unsubscribe link in an email, for mail programs (RFC 8058) and for people.

Only a POST that asks for a change makes one, so a program that follows links unsubscribes no recipient. The route needs
no cookie, key or origin, and never redirects. Its answer is the same whether or not the link is one of ours.
`app.services.suppression.unsubscribe` decides what a wish does.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Response, make_response, render_template, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from app.domain.errors import PosternError
from app.domain.suppression.unsubscribe_link import Wish, wish_of
from app.services.suppression.unsubscribe import Standing
from app.web.http.auth import PUBLIC
from app.web.http.context import current_gateway
from app.web.http.requests import read_bytes
from app.web.http.routing import Operation, Routes

unsubscribe = Routes("unsubscribe", __name__, template_folder="../templates")

_LIMIT = 16 * 1024
_STYLE = (Path(__file__).parents[1] / "assets" / "unsubscribe.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode("ascii")
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class _Button:
    name: str
    value: str
    label: str
    is_quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """The content of a page. `is_news` when it says what this request did; screen readers then read it out at once."""

    heading: str
    sentence: str
    button: _Button | None = None
    note: str = ""
    is_news: bool = True


_STOP = _Button("List-Unsubscribe", "One-Click", "Unsubscribe")
_AGAIN = _Button("resubscribe", "yes", "Subscribe again", is_quiet=True)
_ON_ITS_WAY = "An email that is on its way already may still arrive."

_ASK: Final = _Page(
    heading="Unsubscribe?",
    sentence="Press the button to stop emails of this kind. Nothing has been changed yet.",
    button=_STOP,
    is_news=False,
)
_STOPPED_BEFORE: Final = _Page(
    heading="You are unsubscribed",
    sentence="You get no more emails of this kind.",
    button=_AGAIN,
    note=_ON_ITS_WAY,
    is_news=False,
)
_DONE: Final = {
    Wish.UNSUBSCRIBE: _Page(
        heading="You are unsubscribed",
        sentence="Done: you will get no more emails of this kind.",
        button=_AGAIN,
        note=_ON_ITS_WAY,
    ),
    Wish.RESUBSCRIBE: _Page(
        heading="You are subscribed again",
        sentence="Done: your unsubscription was undone.",
        button=_STOP,
        note="Emails that were stopped for another reason, such as a mailbox that refused them, stay stopped.",
    ),
}
_NOT_ASKED: Final = _Page(
    heading="Nothing has been changed",
    sentence="This request did not say what to do. Press the button to stop emails of this kind.",
    button=_STOP,
)
_TROUBLE: Final = _Page(
    heading="That did not work",
    sentence="Something failed on our side, and nothing has been changed. Please try again in a minute.",
)
_NOT_READ: Final = _Page(
    heading="Nothing has been changed",
    sentence="This request could not be read. Open the link in your email again and press the button.",
)


@unsubscribe.operation(
    "GET", "/unsubscribe/<path:token>", Operation(guard=PUBLIC, summary="Show the unsubscribe page. Changes nothing.")
)
def show_unsubscribe(token: str) -> Response:
    """Answer with the page: one button, and the stream and address that it applies to."""
    standing = current_gateway().unsubscribe.standing(token)
    return _answer(_STOPPED_BEFORE if standing and standing.stopped else _ASK, standing=standing)


@unsubscribe.operation(
    "POST",
    "/unsubscribe/<path:token>",
    Operation(guard=PUBLIC, summary="Unsubscribe with the form `List-Unsubscribe=One-Click`. The link is the guard."),
)
def post_unsubscribe(token: str) -> Response:
    """Answer 200 once the wish is carried out, whatever the token; 400 when the form holds no known wish."""
    read_bytes(limit=_LIMIT)
    wish = wish_of(request.form.items(multi=True))
    if wish is None:
        return _answer(_NOT_ASKED, status=400)
    current_gateway().unsubscribe(token, wish)
    return _answer(_DONE[wish])


@unsubscribe.errorhandler(PosternError)
def _failed(error: PosternError) -> Response:
    answer = _answer(_TROUBLE if error.status >= 500 else _NOT_READ, status=error.status)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


@unsubscribe.errorhandler(HTTPException)
def _unread(error: HTTPException) -> Response:
    return _answer(_NOT_READ, status=error.code or 400)


def _answer(page: _Page, *, standing: Standing | None = None, status: int = 200) -> Response:
    style = Markup(_STYLE)  # noqa: S704 - a file of this repository, and the policy names its hash
    text = render_template("unsubscribe.html", page=page, standing=standing, style=style)
    return make_response(text, status, _HEADERS)
