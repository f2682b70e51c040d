"""`/v1/emails/batch`: many emails in one transaction.

Strict, the default: one invalid email refuses the whole batch. Permissive (`x-batch-validation: permissive`): the valid
emails are accepted, and the response names the others.
"""

from typing import Any

from flask import Response, request

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, PosternError, RestrictedApiKey
from app.services.submission.accept import Json, Receipt, Submission
from app.web.http.context import current_gateway
from app.web.http.faults.validation import attempt, below, refusal
from app.web.http.json_structure import MAX_STRUCTURE
from app.web.http.requests import read_json
from app.web.http.responses import written
from app.web.http.routing import Operation, Routes
from app.web.submission.email_requests import EmailBody
from app.web.submission.email_views import FaultView, Sent, SentBatch
from app.web.submission.emails import accepted, replayed

batches = Routes("batches", __name__, url_prefix="/v1/emails/batch")

_STRUCTURE_PER_EMAIL = 100
_MODES = {"": False, "strict": False, "permissive": True}
_MAX_FAULTS = 100


@batches.operation(
    "POST",
    "",
    Operation(
        guard=Scope.EMAILS_SEND,
        summary="Submit many emails in one transaction.",
        documented_body=list[EmailBody],
        headers=("Idempotency-Key", "x-batch-validation"),
        gives=SentBatch,
    ),
)
def send_batch(caller: Caller) -> Response:
    """Answer with one id per accepted email, in the order of the request."""
    permissive = _is_permissive()
    taken: list[Submission] = []
    refused: dict[int, PosternError] = {}
    for index, email in enumerate(_emails()):
        found = _examine(caller, email)
        if isinstance(found, Submission):
            taken.append(found)
        else:
            refused[index] = found
    nothing_to_take = not taken or (refused and not permissive)
    if nothing_to_take and (earlier := replayed(caller)):
        return earlier
    if refused and not permissive:
        raise _refusal_of_all(refused)
    return _accepted(caller, taken, refused, permissive=permissive)


def _is_permissive() -> bool:
    mode = _MODES.get(request.headers.get("x-batch-validation", ""))
    if mode is None:
        raise refusal((Fault("", "batch_validation", "The header x-batch-validation must be strict or permissive."),))
    return mode


def _emails() -> list[Any]:
    most = current_gateway().settings.max_batch
    emails = read_json(structure=max(MAX_STRUCTURE, most * _STRUCTURE_PER_EMAIL))
    if not isinstance(emails, list):
        raise refusal((Fault("", "list_type", "A batch is a list of emails."),))
    if not 1 <= len(emails) <= most:
        raise refusal((Fault("", "batch_size", f"A batch has 1 to {most} emails."),))
    return emails


def _examine(caller: Caller, email: Any) -> Submission | PosternError:
    """The email if it may be accepted, or the error that a request with this email alone would get."""
    body = attempt(EmailBody, email)
    if isinstance(body, tuple):
        return refusal(body)
    submission = body.submission()
    try:
        faults = current_gateway().accept.faults(caller, submission)
    except RestrictedApiKey as restricted:
        return restricted
    return refusal(faults) if faults else submission


def _refusal_of_all(refused: dict[int, PosternError]) -> PosternError:
    faults = [fault for index, error in refused.items() for fault in below(f"/{index}", error.faults)]
    for error in refused.values():
        if isinstance(error, RestrictedApiKey):
            return RestrictedApiKey(error.detail, faults=tuple(faults[:_MAX_FAULTS]))
    return refusal(tuple(faults[:_MAX_FAULTS]))


def _accepted(
    caller: Caller, taken: list[Submission], refused: dict[int, PosternError], *, permissive: bool
) -> Response:
    errors = [FaultView(index=index, message=error.detail) for index, error in refused.items()]

    def answer(receipts: tuple[Receipt, ...]) -> Json:
        data = [Sent.of(receipt) for receipt in receipts]
        return (SentBatch(data=data, errors=errors) if permissive else SentBatch(data=data)).as_json()

    return accepted(caller, taken, answer) if taken else written(answer(()))
