"""`/v1/suppressions/reviews`: domains whose emails bounced in a burst, and an administrator's decision about each."""

from typing import Annotated, Self
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.apps.callers import Caller, Scope
from app.services.suppression.review_bounces import Decision, Review
from app.web.http.context import current_gateway
from app.web.http.known import Known
from app.web.http.responses import Moment, View
from app.web.http.routing import Operation, Routes

suppression_reviews = Routes("suppression_reviews", __name__, url_prefix="/v1/suppressions/reviews")


class DecisionBody(Known):
    """The decision and its reason: `confirm` when the mailboxes are gone, `undo` when their server erred."""

    decision: Decision
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ReviewView(View):
    """A domain that waits for a decision: the time it began, and the number of entries."""

    id: UUID
    domain: str
    opened_at: Moment
    entries: int

    @classmethod
    def of(cls, review: Review) -> Self:
        """Make it from an open review."""
        return cls(id=review.id, domain=review.domain, opened_at=review.opened_at, entries=review.entries)


class ReviewsView(View):
    """All domains that wait for a decision, the oldest first."""

    data: list[ReviewView]


class Decided(View):
    """The decision, and the number of entries it applies to."""

    domain: str
    decision: Decision
    entries: int


@suppression_reviews.operation(
    "GET",
    "",
    Operation(guard=Scope.ADMIN, summary="List the domains whose bounces wait for a decision.", gives=ReviewsView),
)
def list_reviews(caller: Caller) -> Response:
    """Answer with all domains that wait for a decision."""
    waiting = current_gateway().reviews.waiting(caller)
    return ReviewsView(data=[ReviewView.of(one) for one in waiting]).answer()


@suppression_reviews.operation(
    "POST",
    "/<domain>",
    Operation(
        guard=Scope.ADMIN,
        summary="Confirm or undo all entries of a domain that wait for a decision.",
        body=DecisionBody,
        gives=Decided,
    ),
)
def decide_review(caller: Caller, domain: str, body: DecisionBody) -> Response:
    """Answer with the decision."""
    entries = current_gateway().reviews.decide(caller, domain, body.decision, reason=body.reason)
    return Decided(domain=domain, decision=body.decision, entries=entries).answer()
