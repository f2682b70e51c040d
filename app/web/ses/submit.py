"""Hand an email of the SES API to the services, as `/v1/emails` does, and say in one form what became of it.

An SDK that gets no answer sends the same request again, with the same `amz-sdk-invocation-id`. It is the idempotency
key of the request, so that one call of the application is one email.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Response, request

from app.domain.apps.callers import Caller
from app.domain.errors import ValidationFailed
from app.services.submission.accept import Receipt, Submission
from app.services.submission.doors.submit_raw import RawSubmission
from app.services.submission.idempotency import Idempotency, fingerprint_as_sent
from app.web.http.context import current_gateway, current_request_id
from app.web.http.requests import read_bytes
from app.web.ses.admission import raw_uri
from app.web.ses.failures import under_names_of_ses

_INVOCATION: Final = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True, slots=True)
class Taken:
    """An email that is kept: its id, how many of its recipients are suppressed, and whether it was kept before."""

    id: str
    suppressed: int
    replayed: bool

    def marked(self, answer: Response) -> Response:
        """The answer, with headers for what SES's answer has no place for."""
        if self.suppressed:
            answer.headers["X-Postern-Suppressed"] = str(self.suppressed)
        if self.replayed:
            answer.headers["Idempotency-Replayed"] = "true"
        return answer


def submit(caller: Caller, submission: Submission, names: Mapping[str, str]) -> Taken:
    """Accept an email that is given in parts. `names` are those of its fields in the request.

    Raises `ValidationFailed`, and what `Accept` raises.
    """
    accept, idempotency = current_gateway().accept, idempotency_of(caller)
    if faults := accept.faults(caller, submission):
        earlier = accept.replay(caller, idempotency) if idempotency else None
        if earlier is None:
            raise under_names_of_ses(faults, names)
        return Taken(**earlier.body, replayed=True)
    request_id = current_request_id()
    accepted = accept(caller, [submission], idempotency=idempotency, answer=_answer, request_id=request_id)
    return Taken(**accepted.body, replayed=accepted.replayed)


def submit_raw(caller: Caller, submission: RawSubmission, names: Mapping[str, str]) -> Taken:
    """Accept a MIME message. Raises what `SubmitRaw` raises, with the `names` of the fields in the request."""
    try:
        receipt = current_gateway().submit_raw(
            caller, submission, idempotency=idempotency_of(caller), request_id=current_request_id()
        )
    except ValidationFailed as error:
        raise under_names_of_ses(error.faults, names) from None
    return Taken(str(receipt.id), len(receipt.suppressed), receipt.replayed)


def idempotency_of(caller: Caller) -> Idempotency | None:
    """The call of the SDK that this request belongs to, and its fingerprint; None when the client names none."""
    invocation = request.headers.get("amz-sdk-invocation-id", "")
    if not _INVOCATION.fullmatch(invocation):
        return None
    return Idempotency(key=f"sdk:{caller.actor}:{invocation}", fingerprint=fingerprint_as_sent(raw_uri(), read_bytes()))


def _answer(receipts: tuple[Receipt, ...]) -> dict[str, str | int]:
    return {"id": str(receipts[0].id), "suppressed": len(receipts[0].suppressed)}
