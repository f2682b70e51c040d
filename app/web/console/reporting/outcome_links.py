"""`/console/outcome-links`: links that show outcomes to people without a sign-in. A new one is shown once."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Final, Literal
from uuid import UUID

from flask import Response
from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from app.domain.reporting.outcome_links import LinkKind
from app.domain.users.roles import Role
from app.services.paging import every_page
from app.services.reporting.outcome_links import LinkView, LinkWish
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.email_filters import app_names
from app.web.console.frame.forms import Checked, WithReason
from app.web.console.frame.lists import ListQuery, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway
from app.web.http.fields import ActorSought, IntegerText

console_outcome_links = Pages("console_outcome_links", __name__)

_LIST: Final = "console_outcome_links.show_links"
_COLUMNS: Final = ("id", "app", "kind", "value", "title", "masked", "created_at", "expires_at", "revoked_at")


def _fitting(value: str, info: ValidationInfo) -> str:
    name, colon, _ = value.partition(":")
    if info.data.get("kind") is LinkKind.TAG and not (name and colon):
        raise PydanticCustomError("tag", "Give a tag as name:value.")
    return value


class NewLink(WithReason):
    """What a link shows, how long it lasts, and whether it shows addresses."""

    app: Annotated[str, Field(max_length=63)]
    kind: LinkKind
    value: Annotated[ActorSought, AfterValidator(_fitting)]
    title: Annotated[str, Field(max_length=200)] | None = None
    days: Annotated[IntegerText, Field(ge=1, le=365)] = 30
    masked: Checked


class LinksQuery(ListQuery):
    """Which page of the links. `format`: all of them as a file."""

    format: Literal["csv"] | None = None


@console_outcome_links.page(
    "/console/outcome-links", role=Role.VIEWER, summary="List links to outcomes.", query=LinksQuery
)
def show_links(session: Session, query: LinksQuery) -> Response:
    """Answer with one page of the links, also of those that have ended, or with all of them as CSV."""
    if query.format:
        all_links = partial(current_gateway().reporting.outcome_links.all, caller_of(session))
        pieces = every_page(all_links, lambda view: view.link.id)
        return csv_download("outcome-links", _COLUMNS, (map(_cells, piece) for piece in pieces))
    return _page(session, query)


@console_outcome_links.change(
    "/console/outcome-links", role=Role.SUPPORT, summary="Make a link to outcomes.", form=NewLink
)
def create_link(session: Session, form: NewLink) -> Response:
    """Make the link, and show it this once."""
    wish = LinkWish(
        kind=form.kind,
        value=form.value,
        app=form.app,
        masked=form.masked,
        title=form.title,
        expires_in=timedelta(days=form.days),
    )
    made = current_gateway().reporting.outcome_links.create(caller_of(session), wish, reason=form.reason)
    return _page(session, ListQuery(), url=made.url)


@console_outcome_links.change(
    "/console/outcome-links/<uuid:link_id>/revoke",
    role=Role.SUPPORT,
    summary="Revoke a link to outcomes.",
    form=WithReason,
    done="The link is revoked. Its page is gone for good.",
)
def revoke_link(session: Session, link_id: UUID, form: WithReason) -> Response:
    """Revoke it, and show the links."""
    current_gateway().reporting.outcome_links.revoke(caller_of(session), link_id, reason=form.reason)
    return lead_to(url_after(_LIST))


def _cells(view: LinkView) -> tuple[object, ...]:
    return tuple(getattr(view.link, name) for name in _COLUMNS)


def _page(session: Session, query: ListQuery, *, url: str | None = None) -> Response:
    found = current_gateway().reporting.outcome_links.all(caller_of(session), query.page())
    return render(
        "reporting/outcome_links.html",
        links=[view.link for view in found.data],
        pages=neighbours(_LIST, query, found, lambda view: view.link.id),
        apps=app_names(session),
        url=url,
    )
