"""`SendBulkEmail`: several emails of one template, which comes with the request.

Each entry has a result of its own. The entries that can be sent are accepted together, in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotInTeam
from app.services.submission.accept import Receipt, Submission
from app.web.http.context import current_gateway, current_request_id
from app.web.http.faults.validation import refusal
from app.web.http.responses import written
from app.web.ses.email_parts import tags_of
from app.web.ses.failures import NOT_VERIFIED, under_names_of_ses
from app.web.ses.submit import idempotency_of
from app.web.ses.v2.contents import headers_of, is_filled_by, parts_of_template, size_of
from app.web.ses.v2.email_requests import BulkEntry, SendBulkEmailBody
from app.web.ses.v2.routing import SesOperation, SesRoutes

ses_bulk_emails = SesRoutes("ses_bulk_emails", __name__)

_TEMPLATE: Final = "/DefaultContent/Template"
_NAMES: Final = {
    "from": "/FromEmailAddress",
    "to": "/BulkEmailEntries/Destination",
    "cc": "/BulkEmailEntries/Destination/CcAddresses",
    "bcc": "/BulkEmailEntries/Destination/BccAddresses",
    "reply_to": "/ReplyToAddresses",
    "stream": "/ConfigurationSetName",
    "tags": "/DefaultEmailTags",
    "subject": f"{_TEMPLATE}/TemplateContent/Subject",
    "text": f"{_TEMPLATE}/TemplateContent/Text",
    "html": f"{_TEMPLATE}/TemplateContent/Html",
    "headers": f"{_TEMPLATE}/Headers",
    "attachments": f"{_TEMPLATE}/Attachments",
}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Checked:
    """One entry: the email that it makes, or the result that says why it makes none."""

    submission: Submission | None
    refused: Json | None = None


@ses_bulk_emails.operation(
    "POST",
    "/outbound-bulk-emails",
    SesOperation(name="SendBulkEmail", scope=Scope.EMAILS_SEND, body=SendBulkEmailBody),
)
def send_bulk_email(caller: Caller, body: SendBulkEmailBody) -> Response:
    """Answer with a result for each entry, in their order."""
    _require_room(body)
    entries = [_checked(caller, body, entry) for entry in body.bulk_email_entries]
    accept, idempotency = current_gateway().accept, idempotency_of(caller)
    submissions = [one.submission for one in entries if one.submission is not None]
    if not submissions:
        earlier = accept.replay(caller, idempotency) if idempotency else None
        return written(earlier.body if earlier else _results(entries, ()))
    accepted = accept(
        caller,
        submissions,
        idempotency=idempotency,
        answer=lambda receipts: _results(entries, receipts),
        request_id=current_request_id(),
    )
    return written(accepted.body)


def _require_room(body: SendBulkEmailBody) -> None:
    """Raise `ValidationFailed` when all emails together are larger than a request may be: they share large parts."""
    template, most = body.default_content.template, current_gateway().settings.max_body_bytes
    files = sum(len(one.raw_content) for one in template.attachments) * len(body.bulk_email_entries)
    texts = sum(size_of(template.template_content, _values(body, entry)) for entry in body.bulk_email_entries)
    if files + texts > most:
        rule = f"The emails of a call have together at most {most} octets of texts and attachments. Send fewer at once."
        raise refusal((Fault("/BulkEmailEntries", "too_large", rule),))


def _checked(caller: Caller, body: SendBulkEmailBody, entry: BulkEntry) -> _Checked:
    template, values = body.default_content.template, _values(body, entry)
    if not is_filled_by(template.template_content, values):
        return _Checked(None, _refused("A place of the template has no value that is a text or a number."))
    parts = parts_of_template(template, values).with_headers(headers_of(entry.replacement_headers))
    submission = Submission(
        message=parts.message(body.from_email_address, entry.destination, body.reply_to_addresses),
        bcc=entry.destination.bcc_addresses,
        stream=body.configuration_set_name,
        tags=tags_of(body.default_email_tags, entry.replacement_tags),
    )
    try:
        faults = current_gateway().accept.faults(caller, submission)
    except NotInTeam as error:
        return _Checked(None, _refused(f"{NOT_VERIFIED} {error.detail}", status="MESSAGE_REJECTED"))
    if faults:
        return _Checked(None, _refused(under_names_of_ses(faults, _NAMES).detail))
    return _Checked(submission)


def _values(body: SendBulkEmailBody, entry: BulkEntry) -> Json:
    own = entry.replacement_email_content.replacement_template.replacement_template_data
    return {**body.default_content.template.template_data, **own}


def _refused(why: str, *, status: str = "INVALID_PARAMETER") -> Json:
    return {"Status": status, "Error": why}


def _results(entries: Sequence[_Checked], receipts: Sequence[Receipt]) -> Json:
    ids = iter(receipts)
    results = [one.refused or {"Status": "SUCCESS", "MessageId": str(next(ids).id)} for one in entries]
    return {"BulkEmailEntryResults": results}
