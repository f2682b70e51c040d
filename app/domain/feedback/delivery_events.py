"""What one event of SES means for its email: which event of `app.domain.sending.state_machine` it is.

It never touches the suppression list: whether the address is to blame is decided in `app.domain.suppression.rules`.
"""

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import EventType, SesEvent
from app.domain.sending.state_machine import Event

# ARF (RFC 5965) reports that are not a person's complaint: the opposite of one, and a report about authentication.
NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})

_PLAIN = {
    EventType.SEND: Event.SES_TOOK_IT,
    EventType.REJECT: Event.SES_REJECTED,
    EventType.RENDERING_FAILURE: Event.SES_REJECTED,
    EventType.DELIVERY: Event.SES_DELIVERED,
    EventType.DELIVERY_DELAY: Event.SES_DELAYED,
}


def events_of(ses_event: SesEvent, cause: BounceCause | None) -> Event:
    """The event of the state machine; `SES_NOTED` when this one proves no more than that SES has the email.

    `cause` is that of its bounce (`BounceReader`).
    """
    if cause is not None:
        match cause:
            case BounceCause.AUTO_REPLY | BounceCause.UNKNOWN:
                return Event.SES_NOTED
            case BounceCause.STILL_TRYING:
                return Event.SES_DELAYED
        return Event.SES_BOUNCED
    if ses_event.complaint is not None:
        if ses_event.complaint.was_not_sent:
            return Event.SES_BOUNCED
        return Event.SES_NOTED if ses_event.complaint.feedback_type in NO_COMPLAINT else Event.SES_COMPLAINED
    return _PLAIN.get(ses_event.kind, Event.SES_NOTED)
