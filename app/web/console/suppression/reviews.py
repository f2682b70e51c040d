"""`/console/reviews`: domains of which many addresses bounced at once, and a person's decision about each."""

from flask import Response

from app.domain.users.roles import Role
from app.services.suppression.review_bounces import Decision
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_reviews = Pages("console_reviews", __name__)


@console_reviews.page("/console/reviews", role=Role.VIEWER, summary="List the domains that wait for a decision.")
def show_reviews(session: Session) -> Response:
    """Answer with all of them, the oldest first, and with what their servers said."""
    reviews, caller = current_gateway().reviews, caller_of(session)
    return render("suppression/reviews.html", reviews=reviews.waiting(caller), replies=reviews.replies(caller))


@console_reviews.change(
    "/console/reviews/<domain>/confirm",
    role=Role.SUPPORT,
    summary="Leave the addresses of a domain suppressed.",
    form=WithReason,
    done="The addresses of the domain stay suppressed.",
)
def confirm_review(session: Session, domain: str, form: WithReason) -> Response:
    """Confirm, and show what still waits."""
    return _decided(session, domain, Decision.CONFIRM, form.reason)


@console_reviews.change(
    "/console/reviews/<domain>/undo",
    role=Role.SUPPORT,
    summary="Unsuppress the addresses of a domain.",
    form=WithReason,
    done="The addresses of the domain are unsuppressed. They leave SES's list within minutes.",
)
def undo_review(session: Session, domain: str, form: WithReason) -> Response:
    """Undo, and show what still waits."""
    return _decided(session, domain, Decision.UNDO, form.reason)


def _decided(session: Session, domain: str, decision: Decision, reason: str) -> Response:
    current_gateway().reviews.decide(caller_of(session), domain, decision, reason=reason)
    return lead_to(url_after("console_reviews.show_reviews"))
