"""`/console/outcomes`: what became of emails, recipient by recipient, with their numbers, and as a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from flask import Response, url_for

from app.domain.reporting.outcome_words import OutcomeCause
from app.domain.reporting.outcomes import OutcomeKind
from app.domain.users.roles import Role
from app.services.reporting.outcome_file import COLUMNS
from app.services.reporting.outcomes import OutcomeFilter, OutcomeView
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.email_filters import EACH_OF, EmailListForm, EmailListQuery, app_names, text_of
from app.web.console.frame.forms import Form
from app.web.console.frame.lists import filters_of, neighbours
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_outcomes = Pages("console_outcomes", __name__)

_LIST: Final = "console_outcomes.show_outcomes"
_COUNTED: Final = 2_000
"""The emails that the numbers above the list are of. With more of them the page would be slow."""


class _Fates(Form):
    outcome: Annotated[tuple[OutcomeKind, ...], *EACH_OF] = ()
    cause: Annotated[tuple[OutcomeCause, ...], *EACH_OF] = ()


class OutcomesQuery(_Fates, EmailListQuery):
    """Which outcomes to list."""

    def filter(self) -> OutcomeFilter:
        """The filter as `Outcomes` takes it."""
        return OutcomeFilter(
            kinds=self.outcome, causes=self.cause, tag=self.tag, email=text_of(self.to), **self.sought()
        )


class OutcomesForm(_Fates, EmailListForm):
    """The same from the form of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """How many recipients have one outcome, the list of them, and its part of the bar: from `start`, of 100 in all."""

    kind: OutcomeKind
    number: int
    url: str
    start: float
    width: float


@console_outcomes.page("/console/outcomes", role=Role.VIEWER, summary="List and count outcomes.", query=OutcomesQuery)
def show_outcomes(session: Session, query: OutcomesQuery) -> Response:
    """Answer with one page of the list below its numbers, or with all of it as CSV."""
    outcomes, caller, wanted = current_gateway().reporting.outcomes, caller_of(session), query.filter()
    if query.format:
        return csv_download("outcomes", COLUMNS, (map(_cells, piece) for piece in outcomes.pieces(caller, wanted)))
    found = outcomes.page(caller, wanted, query.page())
    counted = outcomes.counts(caller, wanted, most=_COUNTED)
    filters = filters_of(query)
    return render(
        "reporting/outcomes.html",
        query=query,
        texts={"to": wanted.email, "actor": wanted.actor, "reference": wanted.reference},
        apps=app_names(session),
        rows=found.data,
        shares=list(_shares(counted.counts, filters)),
        counted=counted,
        pages=neighbours(_LIST, query, found, lambda view: view.recipient_id),
        is_filtered=bool(filters),
        as_file=url_for(_LIST, **filters, format="csv"),
    )


@console_outcomes.change(
    "/console/outcomes/filter", role=Role.VIEWER, summary="Filter the outcomes.", form=OutcomesForm
)
def filter_outcomes(session: Session, form: OutcomesForm) -> Response:  # noqa: ARG001 - the frame passes it
    """Lead to the list with these filters, without a name in the URL."""
    return lead_to(url_for(_LIST, **form.for_url()))


def _shares(counts: Mapping[OutcomeKind, int], filters: Mapping[str, Any]) -> Iterator[_Share]:
    total, start = sum(counts.values()) or 1, 0.0
    for kind, number in counts.items():
        width = 100 * number / total
        url = url_for(_LIST, **{**filters, "outcome": kind.value})
        yield _Share(kind=kind, number=number, url=url, start=round(start, 3), width=round(width, 3))
        start += width


def _cells(view: OutcomeView) -> tuple[object, ...]:
    outcome = view.outcome
    return (
        view.email,
        outcome.kind,
        outcome.cause,
        outcome.sentence,
        outcome.next_step,
        outcome.who_can_act,
        view.subject,
        view.actor,
        view.reference,
        view.stream,
        view.email_id,
        view.recipient_id,
        view.updated_at,
    )
