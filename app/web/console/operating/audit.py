"""`/console/audit`: who changed what, when and why; searched, and downloaded."""

from datetime import date
from typing import Annotated

from flask import Response, url_for
from pydantic import Field

from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.address import InvalidAddress
from app.domain.moments import read_since, read_until
from app.domain.suppression.targets import parse_target
from app.domain.users.roles import Role
from app.services.operating.read_audit import Entry, Sought
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import Form
from app.web.console.frame.lists import ListQuery, filters_of, neighbours
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_audit = Pages("console_audit", __name__)

COLUMNS = ("at", "actor", "action", "about", "reason", "details")


class AuditQuery(ListQuery):
    """Which entries to show. `subject` is the token of the address or the domain that they are about."""

    actor: Annotated[str, Field(max_length=200)] | None = None
    action: Annotated[str, Field(max_length=40)] | None = None
    subject: Annotated[str, Field(max_length=1_000)] | None = None
    since: date | None = None
    until: date | None = None

    def sought(self) -> Sought:
        """The filter as the service takes it. Raises `NotFound` for a token that is none of ours."""
        return Sought(
            actor=self.actor,
            action=self.action,
            key=_behind(self.subject) if self.subject else None,
            since=read_since(self.since.isoformat()) if self.since else None,
            until=read_until(self.until.isoformat()) if self.until else None,
        )


class About(Form):
    """What the entries are about: an address, or a domain such as `@example.org`."""

    text: Annotated[str, Field(max_length=320)]


@console_audit.page("/console/audit", role=Role.OPERATOR, summary="Show the audit.", query=AuditQuery)
def show_audit(session: Session, query: AuditQuery) -> Response:
    """Answer with one page of the entries that are sought."""
    sought = query.sought()
    found = current_gateway().read_audit.page(caller_of(session), sought, query.page())
    return render(
        "operating/audit.html",
        entries=found.data,
        query=query,
        subject=sought.key,
        filters=filters_of(query),
        token_of=current_gateway().address_tokens.write,
        details_of=_details,
        pages=neighbours("console_audit.show_audit", query, found, lambda one: one.id),
    )


@console_audit.page("/console/audit.csv", role=Role.OPERATOR, summary="Download the audit.", query=AuditQuery)
def download_audit(session: Session, query: AuditQuery) -> Response:
    """Answer with all entries that are sought, newest first."""
    pieces = current_gateway().read_audit.all(caller_of(session), query.sought())
    return csv_download("audit", COLUMNS, (map(_row, piece) for piece in pieces))


@console_audit.change("/console/audit/about", role=Role.OPERATOR, summary="Search the audit by address.", form=About)
def search_audit(session: Session, form: About) -> Response:  # noqa: ARG001 - every change has a session
    """Lead to the entries about an address, which is in the body of the request and never in a URL."""
    try:
        target = parse_target(form.text.strip())
    except InvalidAddress as error:
        raise ValidationFailed(str(error), faults=(Fault("/text", error.code, str(error)),)) from None
    token = current_gateway().address_tokens.write(target.key)
    return lead_to(url_for("console_audit.show_audit", subject=token))


def _behind(token: str) -> str:
    text = current_gateway().address_tokens.read(token)
    if text is None:
        raise NotFound("This link is not one of ours, or SECRET_KEYS has changed since. Search for the address again.")
    try:
        return parse_target(text).key
    except InvalidAddress:
        return text


def _row(entry: Entry) -> tuple[object, ...]:
    return entry.at.isoformat(), entry.actor, entry.action, entry.key, entry.reason, _details(entry)


def _details(entry: Entry) -> str:
    return "; ".join(f"{name}: {_in_words(value)}" for name, value in entry.data.items())


def _in_words(value: object) -> str:
    match value:
        case list():
            return ", ".join(map(_in_words, value)) or "none"
        case dict():
            return ", ".join(f"{name} {_in_words(of)}" for name, of in value.items()) or "none"
        case None:
            return "none"
    return str(value)
