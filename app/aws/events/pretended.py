"""What SES would report of a test email, by its address, and in the JSON of SES: so it is settled as any other.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from app.domain.message.address import MAILBOX_SIMULATOR

Json = dict[str, Any]


class Happening(StrEnum):
    """One thing that SES would report of an email."""

    DELIVERY = "delivery"
    HARD_BOUNCE = "hard_bounce"
    ON_THE_LIST_OF_SES = "on_the_list_of_ses"
    OUT_OF_OFFICE = "out_of_office"
    COMPLAINT = "complaint"


_BY_NAME: Final = {
    "bounce": (Happening.HARD_BOUNCE,),
    "complaint": (Happening.DELIVERY, Happening.COMPLAINT),
    "ooto": (Happening.DELIVERY, Happening.OUT_OF_OFFICE),
    "suppressionlist": (Happening.ON_THE_LIST_OF_SES,),
}


def happenings_at(key: str) -> tuple[Happening, ...]:
    """What happens to a test email to this address, given as its normalised key, in order.

    The addresses of SES's mailbox simulator do as they do there, whatever label they have (`bounce+1@…`). Any other
    takes the email. https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
    """
    local_part, _, domain = key.rpartition("@")
    name = local_part.partition("+")[0] if domain == MAILBOX_SIMULATOR else ""
    return _BY_NAME.get(name, (Happening.DELIVERY,))


def event_json(
    happening: Happening, *, ses_message_id: str, recipient: str, tags: Mapping[str, str], moment: datetime
) -> str:
    """The event of one recipient, whose email was accepted with these tags. It is marked by the tag `postern_mode`."""
    kind, detail = _EVENTS[happening]
    at = moment.isoformat()
    mail: Json = {
        "timestamp": at,
        "messageId": ses_message_id,
        "destination": [recipient],
        "tags": {name: [value] for name, value in tags.items()} | {"postern_mode": ["test"]},
    }
    section = detail(recipient) | {"timestamp": at, "feedbackId": f"{ses_message_id}-{happening}"}
    return json.dumps({"eventType": kind, "mail": mail, kind.lower(): section})


def _delivery(recipient: str) -> Json:
    return {"recipients": [recipient], "smtpResponse": "250 This was a test: the email was not sent."}


def _complaint(recipient: str) -> Json:
    return {"complainedRecipients": [{"emailAddress": recipient}], "complaintFeedbackType": "abuse"}


def _hard_bounce(recipient: str) -> Json:
    reply = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    return _bounce("Permanent", "General", {"emailAddress": recipient} | reply)


def _on_the_list_of_ses(recipient: str) -> Json:
    why = "Amazon SES has suppressed sending to this address because it has a recent history of bouncing."
    reply = {"action": "failed", "status": "5.1.1", "diagnosticCode": why}
    return _bounce("Permanent", "Suppressed", {"emailAddress": recipient} | reply)


def _out_of_office(recipient: str) -> Json:
    return _bounce("Transient", "General", {"emailAddress": recipient})


def _bounce(kind: str, subtype: str, recipient: Json) -> Json:
    return {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [recipient]}


_EVENTS: Final[Mapping[Happening, tuple[str, Callable[[str], Json]]]] = {
    Happening.DELIVERY: ("Delivery", _delivery),
    Happening.HARD_BOUNCE: ("Bounce", _hard_bounce),
    Happening.ON_THE_LIST_OF_SES: ("Bounce", _on_the_list_of_ses),
    Happening.OUT_OF_OFFICE: ("Bounce", _out_of_office),
    Happening.COMPLAINT: ("Complaint", _complaint),
}
