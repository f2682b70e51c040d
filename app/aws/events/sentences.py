"""One plain sentence per event for the timeline.

It decides wording only. Every part that comes from the payload is a word of a closed vocabulary or a number, so that no
sentence can hold an address, a link or a text of a remote server.
"""

from collections.abc import Mapping

from app.aws.events import fields
from app.domain.feedback.events import Complaint, EventType


def detail(kind: EventType, section: Mapping[str, object], entry: Mapping[str, object]) -> str:
    """Return the sentence for one recipient: `section` is the object of the event type, `entry` the recipient's."""
    match kind:
        case EventType.BOUNCE:
            sentence = _bounce(section, entry)
        case EventType.COMPLAINT:
            sentence = _complaint(section)
        case EventType.DELIVERY:
            sentence = f"The receiving server took the email{_duration(section)}."
        case EventType.DELIVERY_DELAY:
            sentence = f"Delivery is delayed{_named(section.get('delayType'))}; SES keeps trying."
        case EventType.REJECT:
            sentence = f"SES refused the email after taking it{_reason(section)}."
        case EventType.RENDERING_FAILURE:
            sentence = f"SES could not render the template{_named(section.get('templateName'))}."
        case EventType.SUBSCRIPTION:
            sentence = f"The recipient changed the subscription{_named(section.get('contactList'))}."
        case _:
            sentence = _WITHOUT_FACTS[kind]
    return sentence


_WITHOUT_FACTS = {
    EventType.SEND: "SES took the email and will try to deliver it.",
    EventType.OPEN: "The email was opened.",
    EventType.CLICK: "A link in the email was followed.",
    EventType.UNKNOWN: "SES reported an event of a type that this version does not know.",
}


def _bounce(section: Mapping[str, object], entry: Mapping[str, object]) -> str:
    type_ = fields.word(section.get("bounceType")) or "Unknown"
    status = fields.word(entry.get("status"))
    return f"{type_} bounce{_named(section.get('bounceSubType'))}{f', status {status}' if status else ''}."


def _complaint(section: Mapping[str, object]) -> str:
    subtype = fields.word(section.get("complaintSubType"))
    if Complaint(subtype=subtype).was_not_sent:
        return f"SES did not send the email: its address is on a suppression list for a complaint ({subtype})."
    feedback_type = fields.word(section.get("complaintFeedbackType"))
    return f"The recipient's provider passed on a complaint{f' ({feedback_type})' if feedback_type else ''}."


def _duration(section: Mapping[str, object]) -> str:
    milliseconds = section.get("processingTimeMillis")
    # A JSON `true` is an int to Python.
    if type(milliseconds) is not int or not 0 <= milliseconds < 10**9:
        return ""
    return f" after {milliseconds} ms"


def _reason(section: Mapping[str, object]) -> str:
    reason = section.get("reason")
    # The one reason that SES documents; it stands for a virus.
    return ": bad content" if isinstance(reason, str) and reason.casefold() == "bad content" else ""


def _named(value: object) -> str:
    name = fields.word(value)
    return "" if name is None else f" ({name})"
