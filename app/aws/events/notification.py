"""What an SES notification says, in our own words: one event per recipient, from either dialect.

It decides what each payload of SES means. It is total: an authentic payload of any shape, today's or a later one,
becomes events or a note, never an exception, and a payload that cannot be read in full is marked. It never decides what
follows (that is `app.domain.suppression.rules` and `app.domain.sending.state_machine`) and never guesses an address.

The two dialects differ in their source (an identity's notifications, a configuration set's events) and in the name of
the key that holds the type; the rest is one format.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.aws.events import fields
from app.aws.events.json_depth import holds_too_much, nests_too_deep
from app.aws.events.sentences import detail
from app.domain.feedback.events import Bounce, BounceType, Complaint, EventType, Reading, SesEvent

MAX_RECIPIENTS = 100
"""SES takes 50 recipients per email; a list of more than twice that is cut, and the note says so."""

_VALUES = 50_000
_GREETING = "Successfully validated SNS topic"
_SUBSCRIBED = "amazonsnssubscriptionsucceeded"


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where one event type keeps its facts: the key of its object, and the list of recipients in it, if it has one."""

    kind: EventType
    section: str
    recipients: str | None = None


_SHAPES: Mapping[str, _Shape] = {
    "bounce": _Shape(EventType.BOUNCE, "bounce", "bouncedRecipients"),
    "complaint": _Shape(EventType.COMPLAINT, "complaint", "complainedRecipients"),
    "delivery": _Shape(EventType.DELIVERY, "delivery", "recipients"),
    "deliverydelay": _Shape(EventType.DELIVERY_DELAY, "deliveryDelay", "delayedRecipients"),
    "send": _Shape(EventType.SEND, "send"),
    "reject": _Shape(EventType.REJECT, "reject"),
    "open": _Shape(EventType.OPEN, "open"),
    "click": _Shape(EventType.CLICK, "click"),
    # Spelled "Rendering Failure", with a space, and kept under the key `failure`.
    "renderingfailure": _Shape(EventType.RENDERING_FAILURE, "failure"),
    "subscription": _Shape(EventType.SUBSCRIPTION, "subscription"),
}
_UNKNOWN = _Shape(EventType.UNKNOWN, "")

_BOUNCE_TYPES = {type_.value: type_ for type_ in BounceType}


def read_notification(message: str, *, received_at: datetime) -> Reading:
    """Return all that the payload of one verified notification says; never raises.

    `received_at` (aware UTC) stands in where SES gave no time. A text that names no email gives no events and a note.
    """
    if message.startswith(_GREETING):
        return Reading((), "SES greeted the topic of a new event destination")
    payload = _object(message)
    if payload is None:
        return Reading((), "the payload is not a JSON object", unread=True)
    name = fields.text(payload.get("eventType") or payload.get("notificationType")) or ""
    key = name.replace(" ", "").casefold()
    if key == _SUBSCRIBED:
        return Reading((), "SES greeted the topic of an identity's notifications")
    email = fields.mapping(payload.get("mail"))
    ses_message_id = fields.identifier(email.get("messageId"))
    if ses_message_id is None:
        return Reading((), "the payload names no email", unread=True)
    shape = _SHAPES.get(key, _UNKNOWN)
    section = fields.mapping(payload.get(shape.section))
    destination = _destination(email)
    entries, note = _entries(shape, section, destination)
    if shape.recipients is not None and not section:
        note = f"the payload lacks its object `{shape.section}`"
    mail_sent_at = fields.instant(email.get("timestamp"))
    occurred_at = fields.instant(section.get("timestamp")) or mail_sent_at or received_at
    events = tuple(
        SesEvent(
            kind=shape.kind,
            ses_message_id=ses_message_id,
            recipient=fields.address(entry.get("emailAddress")),
            occurred_at=occurred_at,
            mail_sent_at=mail_sent_at,
            destination=destination,
            feedback_id=fields.identifier(section.get("feedbackId")),
            recipient_tag=fields.tag(email, "postern_recipient"),
            attempt_tag=fields.tag(email, "postern_attempt"),
            sending_account_id=fields.account_id(email.get("sendingAccountId")),
            configuration_set=fields.tag(email, "ses:configuration-set"),
            bounce=_bounce(section, entry) if shape.kind is EventType.BOUNCE else None,
            complaint=_complaint(section, len(entries)) if shape.kind is EventType.COMPLAINT else None,
            detail=detail(shape.kind, section, entry),
        )
        for entry in entries
    )
    return Reading(events, note, unread=note is not None)


def _object(message: str) -> Mapping[str, object] | None:
    if nests_too_deep(message) or holds_too_much(message, at_most=_VALUES):
        return None
    try:
        payload = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _entries(
    shape: _Shape, section: Mapping[str, object], destination: tuple[str, ...]
) -> tuple[list[Mapping[str, object]], str | None]:
    """Return one entry per recipient, each with `emailAddress` as far as SES named one, and a note if some were cut.

    If the type has a list of recipients and the list is missing, the event is still about this email: one entry without
    an address. A type without a list is about the whole email, hence about its recipient when there is exactly one.
    """
    if shape.recipients is None:
        return [{"emailAddress": destination[0] if len(destination) == 1 else None}], None
    listed = fields.sequence(section.get(shape.recipients))
    entries = [fields.mapping({"emailAddress": item} if isinstance(item, str) else item) for item in listed]
    if len(entries) > MAX_RECIPIENTS:
        return entries[:MAX_RECIPIENTS], f"more recipients than SES allows: the first {MAX_RECIPIENTS} were read"
    return entries or [{}], None


def _destination(email: Mapping[str, object]) -> tuple[str, ...]:
    listed = fields.sequence(email.get("destination"))[:MAX_RECIPIENTS]
    return tuple(address for item in listed if (address := fields.address(item)) is not None)


def _bounce(section: Mapping[str, object], entry: Mapping[str, object]) -> Bounce:
    return Bounce(
        type=_BOUNCE_TYPES.get(_lower(fields.word(section.get("bounceType"))) or "", BounceType.UNKNOWN),
        subtype=fields.word(section.get("bounceSubType")) or "Unknown",
        action=_lower(fields.word(entry.get("action"))),
        status=_lower(fields.word(entry.get("status"))),
        diagnostic=fields.text(entry.get("diagnosticCode")),
    )


def _complaint(section: Mapping[str, object], among: int) -> Complaint:
    return Complaint(
        feedback_type=_lower(fields.word(section.get("complaintFeedbackType"))),
        subtype=fields.word(section.get("complaintSubType")),
        among=among,
    )


def _lower(word: str | None) -> str | None:
    return None if word is None else word.lower()
