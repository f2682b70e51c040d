"""`/console/held`: emails that wait for a person, because it could not be found out whether they have left."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from uuid import UUID

from flask import Response, url_for
from pydantic import BeforeValidator, Field

from app.domain.sending.state_machine import State
from app.domain.users.roles import Role
from app.services.submission.look_up import EmailFilter, EmailView, RecipientView
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.email_filters import EmailListForm, EmailListQuery, app_names, text_of
from app.web.console.frame.forms import WithReason
from app.web.console.frame.lists import filters_of, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_held = Pages("console_held", __name__)

_LIST: Final = "console_held.show_held"
_COLUMNS: Final = ("email_id", "recipient_id", "recipient", "subject", "app", "stream", "since", "why")
_MOST_AT_ONCE: Final = 1_000


class HeldQuery(EmailListQuery):
    """Which held emails to list."""

    def filter(self) -> EmailFilter:
        """The filter as `LookUp` takes it."""
        tags = (self.tag,) if self.tag else ()
        return EmailFilter(states=(State.HELD,), to=text_of(self.to), tags=tags, **self.sought())


class Decision(WithReason):
    """Which held emails are sent again or discarded: the ids of their recipients."""

    decision: Literal["resend", "discard"]
    recipient: Annotated[
        tuple[UUID, ...],
        BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
        Field(max_length=_MOST_AT_ONCE),
    ] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One held recipient and its email."""

    email: EmailView
    recipient: RecipientView


@console_held.page("/console/held", role=Role.VIEWER, summary="List held emails, the newest first.", query=HeldQuery)
def show_held(session: Session, query: HeldQuery) -> Response:
    """Answer with one page of the list, or with all of it as CSV."""
    look_up, caller, wanted = current_gateway().look_up, caller_of(session), query.filter()
    if query.format:
        pieces = look_up.pieces(caller, wanted)
        return csv_download("held", _COLUMNS, (map(_cells, _rows(piece)) for piece in pieces))
    found = look_up.emails(caller, wanted, query.page())
    filters = filters_of(query)
    return render(
        "sending/held.html",
        query=query,
        texts={"to": wanted.to},
        apps=app_names(session),
        rows=list(_rows(found.data)),
        pages=neighbours(_LIST, query, found, lambda view: view.id),
        is_filtered=bool(filters),
        as_file=url_for(_LIST, **filters, format="csv"),
    )


@console_held.change("/console/held/filter", role=Role.VIEWER, summary="Filter held emails.", form=EmailListForm)
def filter_held(session: Session, form: EmailListForm) -> Response:  # noqa: ARG001 - the frame passes it
    """Lead to the list with these filters, without a name in the URL."""
    return lead_to(url_for(_LIST, **form.for_url()))


@console_held.change(
    "/console/held",
    role=Role.OPERATOR,
    summary="Send held emails again, or discard them.",
    form=Decision,
    done="It is done for those of the chosen emails that were still held.",
)
def decide_held(session: Session, form: Decision) -> Response:
    """Decide about the chosen ones, and show what is left."""
    reconcile = current_gateway().reconcile
    decide = reconcile.resend_all if form.decision == "resend" else reconcile.discard_all
    decide(caller_of(session), form.recipient, reason=form.reason)
    return lead_to(url_after(_LIST))


def _rows(views: tuple[EmailView, ...]) -> Iterator[_Row]:
    for view in views:
        yield from (_Row(view, one) for one in view.recipients if one.state == State.HELD)


def _cells(row: _Row) -> tuple[object, ...]:
    email, recipient = row.email, row.recipient
    about = (email.id, recipient.id, recipient.email, email.subject, email.app, email.stream)
    return (*about, recipient.updated_at, recipient.reason)
