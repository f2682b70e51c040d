"""`/console/suppressions`: the list, live or past, by filter, and as a file.

The beginning of an address is part of an address: the form sends it in its body, and the URL of the list has a token
for it. Only those who see addresses may search so: others could find out an address letter by letter.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from flask import Response, url_for
from pydantic import AfterValidator, Field

from app.domain.errors import NotFound
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.suppression.rules import Origin
from app.domain.users.roles import Role
from app.services.suppression.browse import Part, Wanted
from app.services.suppression.entries import Entry
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import RoleMissing, lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.email_filters import app_names
from app.web.console.frame.forms import Form
from app.web.console.frame.lists import ListQuery, filters_of, neighbours
from app.web.console.frame.masks import sees_addresses
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.console.suppression.words import ORIGINS, PARTS
from app.web.http.context import current_gateway

console_suppressions = Pages("console_suppressions", __name__)

_PAGE: Final = "console_suppressions.show_suppressions"
_COLUMNS: Final = (
    "address",
    "scope",
    "origin",
    "reason",
    "since",
    "until",
    "status",
    "removed_at",
    "removed_by",
    "removal_reason",
)

AppName = Annotated[str, Field(max_length=63)]
DomainText = Annotated[
    str, Field(max_length=255, pattern=r"^\s*@?[^@]+$"), AfterValidator(lambda text: text.strip().removeprefix("@"))
]
ScopeText = Annotated[str, Field(max_length=128)]


class _Narrowed(Form):
    part: Part = Part.LIVE
    origin: Origin | None = None
    domain: DomainText | None = None
    app: AppName | None = None
    scope: ScopeText | None = None


class SuppressionFilter(_Narrowed):
    """What the form of the list sends; `begins` is the beginning of an address."""

    begins: Annotated[str, Field(max_length=160)] | None = None


class SuppressionsQuery(_Narrowed, ListQuery):
    """Which entries, and which page of them; `begins` is a token for the beginning of an address."""

    begins: Annotated[str, Field(max_length=1_000)] | None = None

    def wanted(self) -> Wanted:
        """The same as the service takes it. Raises `NotFound` for a token that is none, and `RoleMissing`."""
        return Wanted(
            part=self.part,
            origin=self.origin,
            begins=self.beginning(),
            domain=self.domain,
            scope=self.scope,
            app=self.app,
        )

    def beginning(self) -> str | None:
        """The beginning of an address, for those who may search so."""
        if self.begins is None:
            return None
        if not sees_addresses():
            raise RoleMissing(f"A search by the beginning of an address needs the role {Role.SUPPORT}.")
        text = current_gateway().address_tokens.read(self.begins)
        if text is None:
            raise NotFound("This link is not complete, or too old. Search again.")
        return text


@console_suppressions.page(
    "/console/suppressions", role=Role.VIEWER, summary="List the suppressions.", query=SuppressionsQuery
)
def show_suppressions(session: Session, query: SuppressionsQuery) -> Response:
    """Answer with one page of the list, and how many entries there are."""
    gateway, caller = current_gateway(), caller_of(session)
    wanted = query.wanted()
    found = gateway.browse.page(caller, wanted, query.page())
    return render(
        "suppression/suppressions.html",
        query=query,
        begins=wanted.begins or "",
        entries=found.data,
        number=gateway.browse.count(caller, wanted),
        pages=neighbours(_PAGE, query, found, lambda one: one.id),
        file=url_for("console_suppressions.download_suppressions", **_filters(query)),
        apps=app_names(session),
        is_narrowed=bool(_filters(query).keys() - {"part"}),
        parts=PARTS,
        origins=ORIGINS,
        url_of=url_of,
    )


@console_suppressions.change(
    "/console/suppressions", role=Role.VIEWER, summary="Filter the suppressions.", form=SuppressionFilter
)
def filter_suppressions(session: Session, form: SuppressionFilter) -> Response:  # noqa: ARG001
    """Lead to the filtered list, without an address in its URL."""
    begins = form.begins.strip() if form.begins else ""
    token = current_gateway().address_tokens.write(begins) if begins else None
    query = SuppressionsQuery(**form.model_dump(exclude={"begins"}), begins=token)
    return lead_to(url_for(_PAGE, **_filters(query)))


@console_suppressions.page(
    "/console/suppressions.csv",
    role=Role.VIEWER,
    summary="Download the suppressions that a filter shows.",
    query=SuppressionsQuery,
)
def download_suppressions(session: Session, query: SuppressionsQuery) -> Response:
    """Answer with all of them, not with one page."""
    pieces = current_gateway().browse.each(caller_of(session), query.wanted())
    return csv_download("suppressions", _COLUMNS, _rows(pieces))


def url_of(entry: Entry) -> str | None:
    """The page of the address or domain of an entry; None for a forgotten person, who has none."""
    if is_pseudonym(entry.email):
        return None
    return url_for("console_address.show_address", token=current_gateway().address_tokens.write(entry.email))


def _rows(pieces: Iterator[tuple[Entry, ...]]) -> Iterator[Iterator[tuple[object, ...]]]:
    for piece in pieces:
        yield (
            (
                one.email,
                one.scope,
                one.origin,
                one.reason,
                one.created_at,
                one.expires_at,
                one.status,
                one.removed_at,
                one.removed_by,
                one.removal_reason,
            )
            for one in piece
        )


def _filters(query: SuppressionsQuery) -> dict[str, Any]:
    return dict(filters_of(query))
