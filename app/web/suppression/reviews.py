"""`/v1/suppressions/reviews`: domains whose mail bounced in a burst, and an administrator's word on each."""

from typing import Annotated, Self
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.callers import Caller, Scope
from app.services.reviews import Decision
from app.store.reviews import Review
from app.web.answers import Moment, Told
from app.web.context import current_gateway
from app.web.routing import Operation, Routes
from app.web.schemas import Known

suppression_reviews = Routes("suppression_reviews", __name__, url_prefix="/v1/suppressions/reviews")


class DecisionBody(Known):
    """Whether the mailboxes are gone (`confirm`) or their server erred (`undo`), and why that is known."""

    decision: Decision
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ToldReview(Told):
    """A domain that waits for a decision, since when, and about how many entries."""

    id: UUID
    domain: str
    opened_at: Moment
    entries: int

    @classmethod
    def of(cls, review: Review) -> Self:
        """Written from an open review."""
        return cls(id=review.id, domain=review.domain, opened_at=review.opened_at, entries=review.entries)


class ToldReviews(Told):
    """All that wait, the oldest first."""

    data: list[ToldReview]


class Decided(Told):
    """What was decided, and about how many entries."""

    domain: str
    decision: Decision
    entries: int


@suppression_reviews.operation(
    "GET",
    "",
    Operation(guard=Scope.ADMIN, summary="List the domains whose bounces wait for a decision.", gives=ToldReviews),
)
def list_reviews(caller: Caller) -> Response:
    """Answer with all that wait."""
    waiting = current_gateway().reviews.waiting(caller)
    return ToldReviews(data=[ToldReview.of(one) for one in waiting]).answer()


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
    """Answer with what was decided."""
    entries = current_gateway().reviews.decide(caller, domain, body.decision, reason=body.reason)
    return Decided(domain=domain, decision=body.decision, entries=entries).answer()
