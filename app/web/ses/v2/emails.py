"""`SendEmail`: an email in parts, a MIME message, or a template that comes with the request.

The id of the email is answered as the MessageId, so that it finds the email in Postern. An email to suppressed
recipients is accepted, as at SES, and a header says how many they are.
"""

from typing import Final

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault
from app.services.submission.accept import Submission
from app.services.submission.doors.submit_raw import RawSubmission
from app.web.http.context import current_gateway
from app.web.http.faults.validation import refusal
from app.web.http.responses import written
from app.web.ses.email_parts import Parts, addresses_of, tags_of
from app.web.ses.submit import Taken, submit, submit_raw
from app.web.ses.v2.contents import is_filled_by, parts_of_simple, parts_of_template, size_of
from app.web.ses.v2.email_requests import Content, Raw, SendEmailBody, TemplateUse
from app.web.ses.v2.routing import SesOperation, SesRoutes

ses_emails = SesRoutes("ses_emails", __name__)

_NAMES: Final = {
    "from": "/FromEmailAddress",
    "to": "/Destination",
    "cc": "/Destination/CcAddresses",
    "bcc": "/Destination/BccAddresses",
    "reply_to": "/ReplyToAddresses",
    "stream": "/ConfigurationSetName",
    "tags": "/EmailTags",
    "subject": "/Content/Simple/Subject",
    "text": "/Content/Simple/Body/Text",
    "html": "/Content/Simple/Body/Html",
    "headers": "/Content/Simple/Headers",
    "attachments": "/Content/Simple/Attachments",
}
_NAMES_BESIDE_RAW: Final = {
    "raw": "/Content/Raw/Data",
    "sender": "/FromEmailAddress",
    "recipients": "/Destination",
    "stream": "/ConfigurationSetName",
    "tags": "/EmailTags",
}


@ses_emails.operation(
    "POST", "/outbound-emails", SesOperation(name="SendEmail", scope=Scope.EMAILS_SEND, body=SendEmailBody)
)
def send_email(caller: Caller, body: SendEmailBody) -> Response:
    """Answer with the id of the email."""
    raw = body.content.raw
    taken = _take_parts(caller, body) if raw is None else submit_raw(caller, _of_raw(body, raw), _NAMES_BESIDE_RAW)
    return taken.marked(written({"MessageId": taken.id}))


def _take_parts(caller: Caller, body: SendEmailBody) -> Taken:
    if body.from_email_address is None:
        raise _broken("/FromEmailAddress", "missing", "This field is required.")
    message = _parts(body.content).message(body.from_email_address, body.destination, body.reply_to_addresses)
    submission = Submission(
        message=message,
        bcc=body.destination.bcc_addresses,
        stream=body.configuration_set_name,
        tags=tags_of(body.email_tags),
    )
    return submit(caller, submission, _NAMES)


def _parts(content: Content) -> Parts:
    if content.template is not None:
        return _of_template(content.template)
    if content.simple is not None:
        return parts_of_simple(content.simple)
    raise _broken("/Content", "missing", "Give one of Simple, Raw and Template.")


def _of_template(use: TemplateUse) -> Parts:
    place = "/Content/Template/TemplateData"
    if not is_filled_by(use.template_content, use.template_data):
        raise _broken(place, "missing", "A place of the template has no value that is a text or a number.")
    if size_of(use.template_content, use.template_data) > current_gateway().settings.max_body_bytes:
        raise _broken(place, "too_long", "With these values the texts are larger than this gateway accepts.")
    return parts_of_template(use, use.template_data)


def _of_raw(body: SendEmailBody, raw: Raw) -> RawSubmission:
    sender, to = body.from_email_address, body.destination
    return RawSubmission(
        raw=raw.data,
        recipients=addresses_of(to.to_addresses, to.cc_addresses, to.bcc_addresses),
        sender=sender.address.email if sender else None,
        stream=body.configuration_set_name,
        tags=tags_of(body.email_tags),
    )


def _broken(pointer: str, code: str, rule: str) -> Exception:
    return refusal((Fault(pointer, code, rule),))
