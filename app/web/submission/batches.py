"""`/v1/emails/batch`: many mails in one transaction.

Strict, the default: one bad mail refuses all. Permissive (`x-batch-validation: permissive`): the good ones are taken,
and the answer names the others.
"""

from typing import Any

from flask import Response, request

from app.domain.callers import Caller, Scope
from app.domain.errors import Fault, PosternError, RestrictedApiKey
from app.services.accept import Json, Receipt, Submission
from app.web.answers import written
from app.web.context import current_gateway
from app.web.email_bodies import Sent, SentBatch, ToldFault
from app.web.emails import accepted, replayed
from app.web.faults import attempt, below, refusal
from app.web.json import MAX_STRUCTURE
from app.web.reading import read_json
from app.web.routing import Operation, Routes
from app.web.schemas import EmailBody

batches = Routes("batches", __name__, url_prefix="/v1/emails/batch")

_STRUCTURE_PER_MAIL = 100
_MODES = {"": False, "strict": False, "permissive": True}
_MAX_FAULTS = 100


@batches.operation(
    "POST",
    "",
    Operation(
        guard=Scope.EMAILS_SEND,
        summary="Take many mails in, in one transaction.",
        documented_body=list[EmailBody],
        headers=("Idempotency-Key", "x-batch-validation"),
        gives=SentBatch,
    ),
)
def send_batch(caller: Caller) -> Response:
    """Answer with one id per mail that was taken, in their order."""
    permissive = _is_permissive()
    taken: list[Submission] = []
    refused: dict[int, PosternError] = {}
    for index, mail in enumerate(_mails()):
        found = _examine(caller, mail)
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
        raise refusal((Fault("", "batch_validation", "The header x-batch-validation is strict or permissive."),))
    return mode


def _mails() -> list[Any]:
    most = current_gateway().settings.max_batch
    mails = read_json(structure=max(MAX_STRUCTURE, most * _STRUCTURE_PER_MAIL))
    if not isinstance(mails, list):
        raise refusal((Fault("", "list_type", "A batch is a list of mails."),))
    if not 1 <= len(mails) <= most:
        raise refusal((Fault("", "batch_size", f"A batch has 1 to {most} mails."),))
    return mails


def _examine(caller: Caller, mail: Any) -> Submission | PosternError:
    """The mail if it may be taken, or the error that a request with it alone would get."""
    body = attempt(EmailBody, mail)
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
    errors = [ToldFault(index=index, message=error.detail) for index, error in refused.items()]

    def answer(receipts: tuple[Receipt, ...]) -> Json:
        data = [Sent.of(receipt) for receipt in receipts]
        return (SentBatch(data=data, errors=errors) if permissive else SentBatch(data=data)).as_json()

    return accepted(caller, taken, answer) if taken else written(answer(()))
