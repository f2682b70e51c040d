"""`/console/audit`: who changed what, when and why; searched, and downloaded."""

from datetime import date
from typing import Annotated, Any

from flask import Response, url_for
from pydantic import Field

from app.domain.errors import Fault, ValidationFailed
from app.domain.message.address import InvalidAddress
from app.domain.moments import read_since, read_until
from app.domain.suppression.targets import parse_target
from app.domain.users.roles import Role
from app.services.operating.read_audit import Entry, Sought
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.email_filters import Token, text_of
from app.web.console.frame.forms import Form
from app.web.console.frame.lists import ListQuery, filters_of, neighbours
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_audit = Pages("console_audit", __name__)

COLUMNS = ("at", "actor", "action", "about", "reason", "details")


Action = Annotated[str, Field(max_length=40)]


class AuditQuery(ListQuery):
    """Which entries to show. `actor` is the token of who made them, `subject` that of the address or the domain."""

    actor: Token | None = None
    action: Action | None = None
    subject: Token | None = None
    since: date | None = None
    until: date | None = None

    def sought(self) -> Sought:
        """The filter as the service takes it. Raises `NotFound` for a token that is none of ours."""
        return Sought(
            actor=text_of(self.actor),
            action=self.action,
            key=text_of(self.subject),
            since=read_since(self.since.isoformat()) if self.since else None,
            until=read_until(self.until.isoformat()) if self.until else None,
        )


class AuditForm(Form):
    """The same as a person types it: who made the changes, and the address or the domain such as `@example.org`."""

    actor: Annotated[str, Field(max_length=200)] | None = None
    action: Action | None = None
    about: Annotated[str, Field(max_length=320)] | None = None
    since: date | None = None
    until: date | None = None


@console_audit.page("/console/audit", role=Role.OPERATOR, summary="Show the audit.", query=AuditQuery)
def show_audit(session: Session, query: AuditQuery) -> Response:
    """Answer with one page of the entries that are sought."""
    sought = query.sought()
    found = current_gateway().read_audit.page(caller_of(session), sought, query.page())
    return render(
        "operating/audit.html",
        entries=found.data,
        query=query,
        sought=sought,
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


@console_audit.change("/console/audit", role=Role.OPERATOR, summary="Search the audit.", form=AuditForm)
def search_audit(session: Session, form: AuditForm) -> Response:  # noqa: ARG001 - every change has a session
    """Lead to the entries that are sought. An address, which a user may have as a name, is never in a URL."""
    written = current_gateway().address_tokens.write
    rest = form.model_dump(mode="json", include={"action", "since", "until"}, exclude_none=True)
    named = {"actor": form.actor and form.actor.strip(), "subject": form.about and _key_of(form.about)}
    tokens: dict[str, Any] = {name: written(text) for name, text in named.items() if text}
    return lead_to(url_for("console_audit.show_audit", **rest, **tokens))


def _key_of(text: str) -> str:
    try:
        return parse_target(text.strip()).key
    except InvalidAddress as error:
        raise ValidationFailed(str(error), faults=(Fault("/about", error.code, str(error)),)) from None


def _row(entry: Entry) -> tuple[object, ...]:
    return entry.at, entry.actor, entry.action, entry.key, entry.reason, _details(entry)


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
