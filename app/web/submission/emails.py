"""`/v1/emails`: submit mail, look at it, move it, take it back.

Thin on purpose: each view turns a checked request into one call of a service, and its result into an answer.
"""

from collections.abc import Callable, Sequence
from typing import Never
from uuid import UUID

from flask import Response

from app.domain.callers import Caller, Scope
from app.domain.errors import Fault
from app.services.accept import Answer, Json, Receipt, Submission
from app.web.answers import Listed, written
from app.web.context import current_gateway
from app.web.email_bodies import Email, Sent, TimelineItem, Touched
from app.web.faults import refusal
from app.web.reading import read_idempotency
from app.web.routing import Operation, Routes
from app.web.schemas import EmailBody, EmailsQuery, RescheduleBody, VerdictBody

emails = Routes("emails", __name__, url_prefix="/v1/emails")


@emails.operation(
    "POST",
    "",
    Operation(
        guard=Scope.EMAILS_SEND,
        summary="Take a mail in. After the answer it is kept, and will be sent or end with a reason.",
        body=EmailBody,
        headers=("Idempotency-Key",),
        gives=Sent,
    ),
)
def send_email(caller: Caller, body: EmailBody) -> Response:
    """Answer with the id of the mail, and with the recipients that are suppressed already."""
    submission = body.submission()
    if faults := current_gateway().accept.faults(caller, submission):
        return replayed(caller) or _refuse(faults)
    return accepted(caller, [submission], lambda receipts: Sent.of(receipts[0]).as_json())


@emails.operation(
    "GET",
    "",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="List the application's mails, newest first.",
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
    Operation(guard=Scope.EMAILS_READ, summary="Look at one mail and at where it stands, per recipient.", gives=Email),
)
def get_email(caller: Caller, email_id: UUID) -> Response:
    """Answer with the mail, with its bodies as long as they are kept."""
    return Email.of(current_gateway().look_up.email(caller, email_id)).answer()


@emails.operation(
    "GET",
    "/<uuid:email_id>/events",
    Operation(
        guard=Scope.EMAILS_READ,
        summary="What happened to the mail, per recipient, oldest first.",
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
    Operation(
        guard=Scope.EMAILS_SEND, summary="Give a scheduled mail another time.", body=RescheduleBody, gives=Touched
    ),
)
def reschedule_email(caller: Caller, email_id: UUID, body: RescheduleBody) -> Response:
    """Answer with the id; 409 once the mail is no longer scheduled."""
    if body.id not in {None, email_id}:
        raise refusal((Fault("/id", "contradiction", "The body names another mail than the path."),))
    current_gateway().revise.reschedule(caller, email_id, scheduled_at=body.scheduled_at)
    return Touched(object="email", id=email_id).answer()


@emails.operation(
    "POST",
    "/<uuid:email_id>/cancel",
    Operation(guard=Scope.EMAILS_SEND, summary="Take back what has not been sent yet.", gives=Touched),
)
def cancel_email(caller: Caller, email_id: UUID) -> Response:
    """Answer with the id; 409 once nothing is left to cancel."""
    current_gateway().revise.cancel(caller, email_id)
    return Touched(object="email", id=email_id).answer()


@emails.operation(
    "POST",
    "/<uuid:email_id>/resend",
    Operation(
        guard=Scope.ADMIN, summary="Send a held mail again, as a possible duplicate.", body=VerdictBody, gives=Touched
    ),
)
def resend_email(caller: Caller, email_id: UUID, body: VerdictBody) -> Response:
    """Answer with the id; 409 unless a recipient of it is held."""
    reconcile = current_gateway().reconcile
    for recipient_id in reconcile.held_of(caller, email_id):
        reconcile.resend(caller, recipient_id, reason=body.reason)
    return Touched(object="email", id=email_id).answer()


@emails.operation(
    "POST",
    "/<uuid:email_id>/discard",
    Operation(guard=Scope.ADMIN, summary="Give a held mail up.", body=VerdictBody, gives=Touched),
)
def discard_email(caller: Caller, email_id: UUID, body: VerdictBody) -> Response:
    """Answer with the id; 409 unless a recipient of it is held."""
    reconcile = current_gateway().reconcile
    for recipient_id in reconcile.held_of(caller, email_id):
        reconcile.discard(caller, recipient_id, reason=body.reason)
    return Touched(object="email", id=email_id).answer()


def accepted(
    caller: Caller, submissions: Sequence[Submission], answer: Callable[[tuple[Receipt, ...]], Json]
) -> Response:
    """The answer to `submissions` that are now kept: composed by `answer`, or the stored one of the same request."""
    return _answered(current_gateway().accept(caller, submissions, idempotency=read_idempotency(), answer=answer))


def replayed(caller: Caller) -> Response | None:
    """The stored answer to this very request, or None.

    Asked before a mail is refused: what was in time when the request first came may be late when it is repeated.
    """
    idempotency = read_idempotency()
    earlier = current_gateway().accept.replay(caller, idempotency) if idempotency else None
    return _answered(earlier) if earlier else None


def _answered(result: Answer) -> Response:
    response = written(result.body)
    if result.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _refuse(faults: tuple[Fault, ...]) -> Never:
    raise refusal(faults)
