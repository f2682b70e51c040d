"""`/v1/outcomes`: what became of emails, recipient by recipient, in words for people.

The list is JSON, or CSV where the request asks for it: with `format=csv`, or with `Accept: text/csv`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Literal, Self
from uuid import UUID

from flask import Response, request
from pydantic import Field

from app.domain.apps.callers import Caller, Scope
from app.domain.csv_text import MEDIA_TYPE
from app.domain.reporting.outcome_words import OutcomeCause, WhoCanAct
from app.domain.reporting.outcomes import OutcomeKind
from app.services.reporting.outcome_file import header, lines
from app.services.reporting.outcomes import OutcomeCounts, OutcomeFilter, OutcomeView
from app.web.http.context import current_gateway
from app.web.http.fields import EACH, ActorSought, AddressField, KeySought, SinceField, TagField, UntilField
from app.web.http.known import Known, PageQuery
from app.web.http.responses import Listed, Moment, View
from app.web.http.routing import Operation, Routes

outcomes = Routes("outcomes", __name__, url_prefix="/v1/outcomes")

_JSON = "application/json"


class ScopeQuery(Known):
    """Whose outcomes: of one actor, reference, stream, tag or recipient, of a time. `app` is for administrators."""

    actor: ActorSought | None = None
    reference: KeySought | None = None
    stream: Annotated[str, Field(max_length=64)] | None = None
    tag: TagField | None = None
    email: AddressField | None = Field(None, description="The address of the recipient.")
    app: Annotated[str, Field(max_length=63)] | None = None
    since: SinceField | None = None
    until: UntilField | None = Field(None, description="A date is included.")

    def filter(self) -> OutcomeFilter:
        """The filter as `Outcomes` takes it."""
        return OutcomeFilter(
            actor=self.actor,
            reference=self.reference,
            stream=self.stream,
            tag=self.tag,
            email=self.email,
            app=self.app,
            since=self.since,
            until=self.until,
        )


class OutcomesQuery(ScopeQuery, PageQuery):
    """Which outcomes to list, newest first. `after` and `before` take the `recipient_id` of an outcome."""

    outcome: Annotated[tuple[OutcomeKind, ...], EACH] = ()
    cause: Annotated[tuple[OutcomeCause, ...], EACH] = ()
    format: Literal["json", "csv"] | None = Field(None, description="`csv`: all of them as a file, without pages.")

    def filter(self) -> OutcomeFilter:
        """The filter as `Outcomes` takes it."""
        return replace(super().filter(), kinds=self.outcome, causes=self.cause)


class OutcomeRow(View):
    """What became of one email for one recipient. `subject` is null once it is erased."""

    object: Literal["outcome"]
    email: str
    outcome: OutcomeKind
    cause: OutcomeCause | None
    sentence: str
    next_step: str
    who_can_act: WhoCanAct
    actor: str | None
    reference: str | None
    stream: str
    subject: str | None
    app: str
    email_id: UUID
    recipient_id: UUID
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, view: OutcomeView) -> Self:
        """Make it from the view of one outcome."""
        return cls(
            object="outcome",
            email=view.email,
            outcome=view.outcome.kind,
            cause=view.outcome.cause,
            sentence=view.outcome.sentence,
            next_step=view.outcome.next_step,
            who_can_act=view.outcome.who_can_act,
            actor=view.actor,
            reference=view.reference,
            stream=view.stream,
            subject=view.subject,
            app=view.app,
            email_id=view.email_id,
            recipient_id=view.recipient_id,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )


class CountsView(View):
    """How many recipients have each outcome, of the newest `emails`; `complete` unless there are older ones."""

    object: Literal["outcome_counts"]
    counts: dict[OutcomeKind, int]
    emails: int
    complete: bool

    @classmethod
    def of(cls, counted: OutcomeCounts) -> Self:
        """Make it from the counts."""
        return cls(object="outcome_counts", counts=counted.counts, emails=counted.emails, complete=counted.complete)


@outcomes.operation(
    "GET",
    "",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="List what became of emails, recipient by recipient, newest first; also as CSV.",
        query=OutcomesQuery,
        headers=("Accept",),
        gives=Listed[OutcomeRow],
    ),
)
def list_outcomes(caller: Caller, query: OutcomesQuery) -> Response:
    """Answer with one page, or with the whole file."""
    service = current_gateway().reporting.outcomes
    if query.format == "csv" or (query.format is None and _prefers_csv()):
        return csv_answer(service.pieces(caller, query.filter()))
    found = service.page(caller, query.filter(), query.page())
    rows = [OutcomeRow.of(view) for view in found.data]
    return Listed[OutcomeRow](object="list", data=rows, has_more=found.has_more).answer()


@outcomes.operation(
    "GET",
    "/counts",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="Count recipients by outcome, over at most the newest 10,000 emails.",
        query=ScopeQuery,
        gives=CountsView,
    ),
)
def count_outcomes(caller: Caller, query: ScopeQuery) -> Response:
    """Answer with the counts."""
    return CountsView.of(current_gateway().reporting.outcomes.counts(caller, query.filter())).answer()


def csv_answer(pieces: Iterable[Iterable[OutcomeView]]) -> Response:
    """The file, streamed while the outcomes are read."""
    answer = Response(_file(pieces), mimetype=MEDIA_TYPE)
    answer.headers["Content-Disposition"] = 'attachment; filename="outcomes.csv"'
    return answer


def _file(pieces: Iterable[Iterable[OutcomeView]]) -> Iterator[bytes]:
    yield header().encode()
    for piece in pieces:
        yield lines(piece).encode()


def _prefers_csv() -> bool:
    return request.accept_mimetypes.best_match([_JSON, MEDIA_TYPE], default=_JSON) == MEDIA_TYPE
