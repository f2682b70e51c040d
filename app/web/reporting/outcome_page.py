"""`/outcomes/<token>`: the page of a link, for people: read-only, without a script, a login or a cookie.

A link that is none of ours, and one that has ended, get the same page, which names nothing. What a link shows is
decided in `app.services.reporting.linked_outcomes`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from flask import Response, make_response, render_template, send_from_directory
from werkzeug.exceptions import HTTPException

from app.domain.errors import PosternError
from app.domain.reporting.outcome_links import LinkKind
from app.domain.reporting.outcome_words import WhoCanAct
from app.domain.reporting.outcomes import OutcomeKind
from app.services.paging import Page, Paged
from app.services.reporting.linked_outcomes import LinkedPage, NoPage
from app.services.reporting.outcomes import OutcomeView
from app.web.http.auth import PUBLIC
from app.web.http.concurrency_limit import too_many_at_once
from app.web.http.context import current_gateway, current_in_progress, current_rate
from app.web.http.rate_limit import too_many
from app.web.http.requests import read_query
from app.web.http.routing import Operation, Routes
from app.web.reporting.outcomes import csv_answer

outcome_page = Routes("outcome_page", __name__, template_folder="../templates")

ROWS: Final = 50
AT_ONCE: Final = 4
"""The most requests with one link that a process answers at a time."""

_ASSETS = Path(__file__).parents[1] / "assets"
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Robots-Tag": "noindex",
}
_TITLE: Final = "What became of the emails"
_ABOUT: Final = {
    LinkKind.ACTOR: "Emails sent on behalf of",
    LinkKind.REFERENCE: "Emails about",
    LinkKind.STREAM: "Emails of the kind",
    LinkKind.TAG: "Emails with the tag",
}
_LABELS: Final = {
    OutcomeKind.DELIVERED: "Delivered",
    OutcomeKind.NOT_DELIVERED: "Not delivered",
    OutcomeKind.NOT_SENT: "Not sent",
    OutcomeKind.ON_ITS_WAY: "On its way",
    OutcomeKind.UNKNOWN: "Not known",
}
"""The kinds as the page calls them, in the order in which it shows them."""

_WHO: Final = {
    WhoCanAct.INVITER: "",
    WhoCanAct.RECIPIENT: "Only the recipient can change this.",
    WhoCanAct.APPLICATION: "For the people who run the application.",
    WhoCanAct.OPERATOR: "For the people who run the email system.",
    WhoCanAct.NOBODY: "",
}
_MISSING: Final = (
    "This link does not work",
    "It may have ended, or a part of it is missing. Ask for a new link where you got this one.",
)
_TROUBLE: Final = ("That did not work", "The page cannot be shown at the moment. Please try again in a minute.")
_NOT_READ: Final = ("That did not work", "The page could not be shown in this way. Open the link again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """How many recipients have one kind of outcome, and its part of the bar: from `start`, of 100 in all."""

    kind: OutcomeKind
    label: str
    number: int
    start: float
    width: float

    @property
    def percent(self) -> str:
        """The share in words; what is there is never zero."""
        return f"{self.width:.0f} %" if self.width >= 1 else "under 1 %"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One outcome as the page shows it."""

    email: str
    subject: str | None
    kind: OutcomeKind
    label: str
    sentence: str
    next_step: str
    who: str
    at: datetime


@outcome_page.operation(
    "GET", "/outcomes/style.css", Operation(guard=PUBLIC, summary="Get the style of the page.", media="text/css")
)
def get_outcome_style() -> Response:
    """Answer with the style sheet, the only file that the page needs."""
    answer = send_from_directory(_ASSETS, "outcomes.css")
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return answer


@outcome_page.operation(
    "GET",
    "/outcomes/<token>",
    Operation(guard=PUBLIC, summary="Show the page of a link to outcomes. The link is the guard.", media="text/html"),
)
def show_outcomes(token: str) -> Response:
    """Answer with the page, or with its list as CSV; 404 for a link that is none, 410 for one that has ended."""
    page = current_gateway().reporting.linked_outcomes(token)
    if isinstance(page, NoPage):
        return _plain(_MISSING, status=404 if page is NoPage.UNKNOWN else 410)
    _limit(page)
    asked = read_query()
    kinds = tuple(kind for kind in OutcomeKind if kind == asked.get("outcome"))
    if asked.get("format") == "csv":
        return _with_headers(csv_answer(page.pieces(kinds)))
    after = _id(asked.get("after"))
    place = Page(ROWS, after=after, before=None if after else _id(asked.get("before")))
    return _whole(page, kinds, place, page.rows(kinds, place))


@outcome_page.errorhandler(PosternError)
def _failed(error: PosternError) -> Response:
    answer = _plain(_TROUBLE if error.retryable else _NOT_READ, status=error.status)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


@outcome_page.errorhandler(HTTPException)
def _unread(error: HTTPException) -> Response:
    return _plain(_NOT_READ, status=error.code or 400)


def _limit(page: LinkedPage) -> None:
    """Count the request against its link. Raises `RateLimitExceeded`."""
    if not current_rate().spend(replace(page.caller, app_id=page.link.id)):
        raise too_many()
    if not current_in_progress().enter(page.link.id, at_most=AT_ONCE):
        raise too_many_at_once()


def _whole(page: LinkedPage, kinds: tuple[OutcomeKind, ...], place: Page, found: Paged[OutcomeView]) -> Response:
    counted = page.counts()
    rows = found.data
    more_newer = found.has_more if place.before else place.after is not None
    more_older = found.has_more if not place.before else True
    text = render_template(
        "outcomes.html",
        title=page.link.title or _TITLE,
        about=_ABOUT[page.link.kind],
        page=page,
        shares=list(_shares(counted.counts)),
        total=sum(counted.counts.values()),
        emails=counted.emails,
        complete=counted.complete,
        kind=kinds[0] if kinds else None,
        rows=[_row(view) for view in rows],
        newer=rows[0].recipient_id if rows and more_newer else None,
        older=rows[-1].recipient_id if rows and more_older else None,
        until=page.link.expires_at,
    )
    return _with_headers(make_response(text))


def _shares(counts: dict[OutcomeKind, int]) -> Iterator[_Share]:
    total, start = sum(counts.values()) or 1, 0.0
    for kind, label in _LABELS.items():
        width = 100 * counts[kind] / total
        yield _Share(kind=kind, label=label, number=counts[kind], start=round(start, 3), width=round(width, 3))
        start += width


def _row(view: OutcomeView) -> _Row:
    outcome = view.outcome
    return _Row(
        email=view.email,
        subject=view.subject,
        kind=outcome.kind,
        label=_LABELS[outcome.kind],
        sentence=outcome.sentence,
        next_step=outcome.next_step,
        who=_WHO[outcome.who_can_act],
        at=view.updated_at,
    )


def _id(text: str | list[str] | None) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _plain(words: tuple[str, str], *, status: int) -> Response:
    heading, sentence = words
    return _with_headers(
        make_response(render_template("outcomes_missing.html", heading=heading, sentence=sentence), status)
    )


def _with_headers(answer: Response) -> Response:
    answer.headers.update(_HEADERS)
    return answer
