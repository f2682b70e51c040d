"""What an email is made of, as it is: its HTML in a frame, its source, and the notifications about it."""

from typing import Final
from uuid import UUID

import nh3
from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_email_content = Pages("console_email_content", __name__)

_LONGEST_SOURCE: Final = 200_000
"""The most characters of a source that a page shows."""

_LONGEST_HTML: Final = 1_000_000
"""The most characters of an HTML body that the frame shows."""

_FRAME_HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_FORBIDDEN: Final = {"a": {"href", "ping", "target"}, "img": {"src"}}
_TAGS: Final = nh3.ALLOWED_TAGS | {"style", "font", "section", "header", "footer"}
_EVERYWHERE: Final = {"style", "class", "id", "align", "valign", "width", "height", "bgcolor", "border", "color", "dir"}
_ATTRIBUTES: Final = {
    tag: nh3.ALLOWED_ATTRIBUTES.get(tag, set()) - _FORBIDDEN.get(tag, set())
    for tag in (*nh3.ALLOWED_ATTRIBUTES, *_FORBIDDEN)
} | {"*": _EVERYWHERE, "table": {"cellpadding", "cellspacing", "role"}}


@console_email_content.page(
    "/console/emails/<uuid:email_id>/html", role=Role.SUPPORT, summary="Show the HTML of an email, in a frame."
)
def show_html(session: Session, email_id: UUID) -> Response:
    """Answer with the HTML as the recipients see it, without its pictures and links.

    This is the one document with a policy of its own. An email is styled by `style` attributes, which the policy of the
    other pages forbids, so this one allows styles and nothing else: no script, picture, font, form or link, from
    nowhere. `sandbox` takes it the origin of the console, so that it could reach nothing even if it had a script. nh3
    has removed all that could load or run before, so each of the two is enough without the other.
    """
    view = current_gateway().look_up.email(caller_of(session), email_id)
    answer = Response(_cleaned((view.html or "")[:_LONGEST_HTML]), mimetype="text/html")
    answer.headers.update(_FRAME_HEADERS)
    return answer


@console_email_content.page(
    "/console/emails/<uuid:email_id>/recipients/<uuid:recipient_id>/source",
    role=Role.SUPPORT,
    summary="Show the source of an email.",
)
def show_source(session: Session, email_id: UUID, recipient_id: UUID) -> Response:
    """Answer with the MIME message that SES gets for this recipient."""
    raw = current_gateway().sources.message(caller_of(session), email_id, recipient_id)
    return render(
        "submission/source.html",
        email_id=email_id,
        source=raw[:_LONGEST_SOURCE].decode(errors="replace"),
        size=len(raw),
        is_whole=len(raw) <= _LONGEST_SOURCE,
    )


@console_email_content.page(
    "/console/emails/<uuid:email_id>/notifications",
    role=Role.OPERATOR,
    summary="Show the notifications about an email.",
)
def show_notifications(session: Session, email_id: UUID) -> Response:
    """Answer with the notifications as SNS delivered them."""
    found = current_gateway().sources.notifications(caller_of(session), email_id)
    return render("submission/notifications.html", email_id=email_id, notifications=found)


def _cleaned(html: str) -> str:
    return nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags={"script"},
        attributes=_ATTRIBUTES,
        url_schemes=set(),
        link_rel=None,
    )
