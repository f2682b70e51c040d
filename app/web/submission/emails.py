"""`/v1/emails`: submit emails, look them up, reschedule and cancel them.

The views are thin on purpose: each turns a checked request into one call of a service, and its result into a response.
"""

from collections.abc import Callable, Sequence
from typing import Never
from uuid import UUID

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault
from app.services.submission.accept import Acceptance, Json, Receipt, Submission
from app.web.http.context import current_gateway, current_request_id
from app.web.http.faults.validation import refusal
from app.web.http.requests import read_idempotency
from app.web.http.responses import Listed, written
from app.web.http.routing import Operation, Routes
from app.web.submission.email_requests import EmailBody, EmailsQuery, GiveUpBody, RescheduleBody, ResendBody
from app.web.submission.email_views import Email, Sent, TimelineItem, Touched

emails = Routes("emails", __name__, url_prefix="/v1/emails")


@emails.operation(
    "POST",
    "",
    Operation(
        guard=Scope.EMAILS_SEND,
        summary="Submit an email. Once this is answered, the email is kept, and will be sent or end with a reason.",
        body=EmailBody,
        headers=("Idempotency-Key",),
        gives=Sent,
    ),
)
def send_email(caller: Caller, body: EmailBody) -> Response:
    """Answer with the id of the email, and with the recipients that are suppressed already."""
    submission = body.submission()
    if faults := current_gateway().accept.faults(caller, submission):
        return replayed(caller) or _refuse(faults)
    return accepted(caller, [submission], lambda receipts: Sent.of(receipts[0]).as_json())


@emails.operation(
    "GET",
    "",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="List the application's emails, newest first.",
        query=EmailsQuery,
        gives=Listed[Email],
    ),
)
def list_emails(caller: Caller, query: EmailsQuery) -> Response:
    """Answer with one page, without bodies."""
    found = current_gateway().look_up.emails(caller, query.filter(), query.page())
    return Listed[Email](object="list", data=[Email.of(view) for view in found.data], has_more=found.has_more).answer()


@emails.operation(
    "GET",
    "/<uuid:email_id>",
    Operation(guard=Scope.EMAILS_READ, summary="Look up one email and the state of each recipient.", gives=Email),
)
def get_email(caller: Caller, email_id: UUID) -> Response:
    """Answer with the email, with its bodies as long as they are kept."""
    return Email.of(current_gateway().look_up.email(caller, email_id)).answer()


@emails.operation(
    "GET",
    "/<uuid:email_id>/events",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="List what happened to the email, per recipient, oldest first.",
        gives=Listed[TimelineItem],
    ),
)
def list_email_events(caller: Caller, email_id: UUID) -> Response:
    """Answer with the whole timeline."""
    timeline = current_gateway().look_up.timeline(caller, email_id)
    return Listed[TimelineItem](
        object="list", data=[TimelineItem.of(entry) for entry in timeline], has_more=False
    ).answer()


@emails.operation(
    "PATCH",
    "/<uuid:email_id>",
    Operation(guard=Scope.EMAILS_SEND, summary="Reschedule a scheduled email.", body=RescheduleBody, gives=Touched),
)
def reschedule_email(caller: Caller, email_id: UUID, body: RescheduleBody) -> Response:
    """Answer with the id; 409 once the email is no longer scheduled."""
    if body.id not in {None, email_id}:
        raise refusal((Fault("/id", "contradiction", "The body names another email than the path."),))
    current_gateway().revise.reschedule(caller, email_id, scheduled_at=body.scheduled_at)
    return Touched(object="email", id=email_id).answer()


@emails.operation(
    "POST",
    "/<uuid:email_id>/cancel",
    Operation(guard=Scope.EMAILS_SEND, summary="Cancel an email for all recipients not yet sent to.", gives=Touched),
)
def cancel_email(caller: Caller, email_id: UUID) -> Response:
    """Answer with the id; 409 once nothing is left to cancel."""
    current_gateway().revise.cancel(caller, email_id)
    return Touched(object="email", id=email_id).answer()


@emails.operation(
    "POST",
    "/<uuid:email_id>/resend",
    Operation(
        guard=Scope.ADMIN,
        summary="Send a held email again, as a possible duplicate, or with `failed` an email that has failed.",
        body=ResendBody,
        gives=Touched,
    ),
)
def resend_email(caller: Caller, email_id: UUID, body: ResendBody) -> Response:
    """Answer with the id; 409 unless a recipient is held, or has failed and can be sent to again."""
    if body.failed:
        current_gateway().resend_failed(caller, email_id, reason=body.reason)
        return Touched(object="email", id=email_id).answer()
    reconcile = current_gateway().reconcile
    for recipient_id in reconcile.held_of(caller, email_id):
        reconcile.resend(caller, recipient_id, reason=body.reason)
    return Touched(object="email", id=email_id).answer()


@emails.operation(
    "POST",
    "/<uuid:email_id>/discard",
    Operation(guard=Scope.ADMIN, summary="Discard a held email: it will not be sent.", body=GiveUpBody, gives=Touched),
)
def discard_email(caller: Caller, email_id: UUID, body: GiveUpBody) -> Response:
    """Answer with the id; 409 unless a recipient is held."""
    reconcile = current_gateway().reconcile
    for recipient_id in reconcile.held_of(caller, email_id):
        reconcile.discard(caller, recipient_id, reason=body.reason)
    return Touched(object="email", id=email_id).answer()


def accepted(
    caller: Caller, submissions: Sequence[Submission], answer: Callable[[tuple[Receipt, ...]], Json]
) -> Response:
    """Accept `submissions`. The response is made by `answer`, or is the stored one if this request is a repetition."""
    accept, idempotency = current_gateway().accept, read_idempotency(caller)
    return _answered(
        accept(caller, submissions, idempotency=idempotency, answer=answer, request_id=current_request_id())
    )


def replayed(caller: Caller) -> Response | None:
    """The stored response to the same request with the same idempotency key, or None.

    Called before an email is refused: a time that was valid in the first request may have passed when it is repeated.
    """
    idempotency = read_idempotency(caller)
    earlier = current_gateway().accept.replay(caller, idempotency) if idempotency else None
    return _answered(earlier) if earlier else None


def _answered(result: Acceptance) -> Response:
    response = written(result.body)
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _refuse(faults: tuple[Fault, ...]) -> Never:
    raise refusal(faults)
