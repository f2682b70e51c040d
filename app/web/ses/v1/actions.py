"""The actions of version 1: `POST /` with a form, or `GET /?Action=…`. All others are refused by their names.

A browser that asks for `/` gets the front page, as before: its request names no action.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, request
from pydantic import BaseModel

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import MalformedRequest, RestrictedApiKey
from app.services.submission.accept import Submission
from app.services.submission.doors.submit_raw import RawSubmission
from app.web.http.context import current_gateway
from app.web.http.faults.validation import check
from app.web.http.requests import read_bytes
from app.web.ses.admission import admit, raw_uri
from app.web.ses.email_parts import Parts, addresses_of, data_of, tags_of
from app.web.ses.failures import V1, NotSupported, failure_of
from app.web.ses.identities import find_identity
from app.web.ses.quota import quota_of
from app.web.ses.submit import Taken, submit, submit_raw
from app.web.ses.v1.query import answer_of, answer_of_failure, read_form
from app.web.ses.v1.requests import NoForm, SendEmailForm, SendRawEmailForm, VerifyEmailIdentityForm

_NAMES: Final = {
    "from": "/Source",
    "to": "/Destination",
    "cc": "/Destination/CcAddresses",
    "bcc": "/Destination/BccAddresses",
    "reply_to": "/ReplyToAddresses",
    "stream": "/ConfigurationSetName",
    "tags": "/Tags",
    "subject": "/Message/Subject",
    "text": "/Message/Body/Text",
    "html": "/Message/Body/Html",
}
_NAMES_BESIDE_RAW: Final = {
    "raw": "/RawMessage/Data",
    "sender": "/Source",
    "recipients": "/Destinations",
    "stream": "/ConfigurationSetName",
    "tags": "/Tags",
}
OTHERS: Final = frozenset(Path(__file__).with_name("unsupported.txt").read_text(encoding="utf-8").split())
"""The actions that Postern does not have, as in the service model of botocore."""


def send_email(caller: Caller, form: SendEmailForm) -> Response:
    """Answer with the id of the email."""
    content = form.message
    parts = Parts(subject=content.subject.data, text=data_of(content.body.text), html=data_of(content.body.html))
    submission = Submission(
        message=parts.message(form.source, form.destination, form.reply_to_addresses),
        bcc=form.destination.bcc_addresses,
        stream=form.configuration_set_name,
        tags=tags_of(form.tags),
    )
    return _answer_taken("SendEmail", submit(caller, submission, _NAMES))


def send_raw_email(caller: Caller, form: SendRawEmailForm) -> Response:
    """Answer with the id of the email."""
    submission = RawSubmission(
        raw=form.raw_message.data,
        recipients=addresses_of(form.destinations),
        sender=form.source.address.email if form.source else None,
        stream=form.configuration_set_name,
        tags=tags_of(form.tags),
    )
    return _answer_taken("SendRawEmail", submit_raw(caller, submission, _NAMES_BESIDE_RAW))


def get_send_quota(caller: Caller, _: NoForm) -> Response:
    """Answer with the limits of the application and what it has used."""
    quota = quota_of(caller, current_gateway().standing(caller))
    numbers = {"SentLast24Hours": quota.sent, "Max24HourSend": quota.in_a_day, "MaxSendRate": quota.in_a_second}
    return answer_of("GetSendQuota", {name: f"{number}.0" for name, number in numbers.items()})


def verify_email_identity(caller: Caller, form: VerifyEmailIdentityForm) -> Response:
    """Answer as if the address were being verified, when the application may send from it; else say who decides."""
    if find_identity(caller, form.email_address) is None:
        raise RestrictedApiKey("The operators of the gateway decide which addresses an application sends from.")
    return answer_of("VerifyEmailIdentity", {})


@dataclass(frozen=True, slots=True)
class _Action:
    form: type[BaseModel]
    answer: Callable[[Caller, Any], Response]
    scope: Scope | None = None


ACTIONS: Final[Mapping[str, _Action]] = {
    "SendEmail": _Action(SendEmailForm, send_email, Scope.EMAILS_SEND),
    "SendRawEmail": _Action(SendRawEmailForm, send_raw_email, Scope.EMAILS_SEND),
    "GetSendQuota": _Action(NoForm, get_send_quota),
    "VerifyEmailIdentity": _Action(VerifyEmailIdentityForm, verify_email_identity),
}

ses_v1 = Blueprint("ses_v1", __name__)


@ses_v1.before_app_request
def _an_action_in_the_query() -> Response | None:
    """Answer a GET of `/` that names an action, before the front page does."""
    if request.path == "/" and request.method == "GET" and "Action" in request.args:
        return answer_action()
    return None


@ses_v1.post("/", provide_automatic_options=False)
def answer_action() -> Response:
    """Answer the action that the request names."""
    try:
        return _answered()
    except Exception as error:  # noqa: BLE001 - every failure of this door is written as SES writes it
        return answer_of_failure(failure_of(error, V1))


def _answered() -> Response:
    caller = admit()
    given = read_form(raw_uri().partition("?")[2].encode() if request.method == "GET" else read_bytes())
    name = given.pop("Action", None)
    given.pop("Version", None)
    if not isinstance(name, str):
        raise MalformedRequest("The request names no Action.")
    action = ACTIONS.get(name)
    if action is None:
        known = f"Postern does not support {name}." if name in OTHERS else "SES has no such action."
        raise NotSupported(known)
    if action.scope is not None:
        caller.require(action.scope)
    return action.answer(caller, check(action.form, given))


def _answer_taken(action: str, taken: Taken) -> Response:
    return taken.marked(answer_of(action, {"MessageId": taken.id}))
