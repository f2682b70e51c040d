"""`/console/emails`: the emails of all applications, filtered, and as a file."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Final, get_args
from uuid import UUID

from flask import Response, url_for
from pydantic import Field

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.providers import PROVIDERS
from app.domain.reporting.outcomes import OutcomeKind
from app.domain.sending.state_machine import State
from app.domain.sending.trying import Mode
from app.domain.users.roles import Role
from app.services.submission.look_up import EmailFilter, EmailView
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.email_filters import EACH_OF, EmailListForm, EmailListQuery, app_names, text_of
from app.web.console.frame.forms import Checked, Form
from app.web.console.frame.lists import filters_of, neighbours
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway
from app.web.http.fields import LaneSought, ProviderName

console_emails = Pages("console_emails", __name__)

_LIST: Final = "console_emails.show_emails"
_COLUMNS: Final = (
    "id",
    "created_at",
    "app",
    "stream",
    "from",
    "to",
    "subject",
    "last_event",
    "outcome",
    "sentence",
    "actor",
    "reference",
    "tags",
    "mode",
)
_SHOWN: Final = 2
"""The recipients that a row names. It counts the others."""


class _Fates(Form):
    last_event: Annotated[str, Field(max_length=20)] | None = None
    state: Annotated[tuple[State, ...], *EACH_OF] = ()
    cause: Annotated[tuple[BounceCause, ...], *EACH_OF] = ()
    provider: ProviderName | None = None
    lane: LaneSought | None = None
    due: Checked
    request_id: UUID | None = None


class EmailsQuery(_Fates, EmailListQuery):
    """Which emails to list."""

    def filter(self) -> EmailFilter:
        """The filter as `LookUp` takes it."""
        return EmailFilter(
            to=text_of(self.to),
            last_events=(self.last_event,) if self.last_event else (),
            states=self.state,
            causes=self.cause,
            provider=self.provider,
            lane=self.lane,
            is_due=self.due,
            request_id=self.request_id,
            tags=(self.tag,) if self.tag else (),
            **self.sought(),
        )


class EmailsForm(_Fates, EmailListForm):
    """The same from the form of the list."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One email of the list: who gets it, and what became of it for how many of them."""

    email: EmailView
    to: tuple[str, ...]
    more: int
    kinds: tuple[tuple[OutcomeKind, int], ...]
    sentence: str


@console_emails.page("/console/emails", role=Role.VIEWER, summary="List emails, the newest first.", query=EmailsQuery)
def show_emails(session: Session, query: EmailsQuery) -> Response:
    """Answer with one page of the list, or with all of it as CSV."""
    look_up, caller, wanted = current_gateway().look_up, caller_of(session), query.filter()
    if query.format:
        return csv_download("emails", _COLUMNS, (map(_cells, piece) for piece in look_up.pieces(caller, wanted)))
    found = look_up.emails(caller, wanted, query.page())
    filters = filters_of(query)
    return render(
        "submission/emails.html",
        query=query,
        lanes={lane: lane for lane in get_args(LaneSought)},
        providers={name: name.replace("_", " ") for name in PROVIDERS},
        texts={"to": wanted.to, "actor": wanted.actor, "reference": wanted.reference},
        apps=app_names(session),
        rows=[_row(view) for view in found.data],
        pages=neighbours(_LIST, query, found, lambda view: view.id),
        is_filtered=bool(filters),
        as_file=url_for(_LIST, **filters, format="csv"),
    )


@console_emails.change("/console/emails/filter", role=Role.VIEWER, summary="Filter the emails.", form=EmailsForm)
def filter_emails(session: Session, form: EmailsForm) -> Response:  # noqa: ARG001 - the frame passes it
    """Lead to the list with these filters, without a name in the URL."""
    return lead_to(url_for(_LIST, **form.for_url()))


def _row(view: EmailView) -> _Row:
    addresses = tuple(one.email for one in view.recipients)
    counted = Counter(one.outcome.kind for one in view.recipients)
    sentences = {one.outcome.sentence for one in view.recipients}
    return _Row(
        email=view,
        to=addresses[:_SHOWN],
        more=len(addresses[_SHOWN:]),
        kinds=tuple((kind, counted[kind]) for kind in OutcomeKind if counted[kind]),
        sentence=sentences.pop() if len(sentences) == 1 else "",
    )


def _cells(view: EmailView) -> tuple[object, ...]:
    row = _row(view)
    return (
        view.id,
        view.created_at,
        view.app,
        view.stream,
        view.sender,
        ", ".join(one.email for one in view.recipients),
        view.subject,
        view.last_event,
        _in_words(row.kinds),
        row.sentence,
        view.actor,
        view.reference,
        " ".join(f"{name}:{value}" for name, value in view.tags),
        Mode.of(view.lane),
    )


def _in_words(kinds: tuple[tuple[OutcomeKind, int], ...]) -> str:
    if len(kinds) == 1:
        return kinds[0][0]
    return ", ".join(f"{number} {kind}" for kind, number in kinds)
