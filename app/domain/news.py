"""What one piece of feedback means for the mail it is about: which event of `app.domain.delivery` it is.

It never touches the suppression list: whether the address is to blame is another question with another answer.
"""

from app.domain.bounces import BounceCause, cause_of
from app.domain.delivery import Event
from app.domain.feedback import Feedback, FeedbackKind

# ARF (RFC 5965) reports that are not a person's complaint: the opposite of one, and a report about authentication.
NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})

_PLAIN = {
    FeedbackKind.SEND: Event.SES_TOOK_IT,
    FeedbackKind.REJECT: Event.SES_REJECTED,
    FeedbackKind.RENDERING_FAILURE: Event.SES_REJECTED,
    FeedbackKind.DELIVERY: Event.SES_DELIVERED,
    FeedbackKind.DELIVERY_DELAY: Event.SES_DELAYED,
}


def news_of(feedback: Feedback) -> Event:
    """The delivery event that this feedback is; `SES_NOTED` when it proves no more than that SES has the mail."""
    if feedback.bounce is not None:
        match cause_of(feedback.bounce):
            case BounceCause.AUTO_REPLY | BounceCause.UNKNOWN:
                return Event.SES_NOTED
            case BounceCause.STILL_TRYING:
                return Event.SES_DELAYED
        return Event.SES_BOUNCED
    if feedback.complaint is not None:
        return Event.SES_NOTED if feedback.complaint.feedback_type in NO_COMPLAINT else Event.SES_COMPLAINED
    return _PLAIN.get(feedback.kind, Event.SES_NOTED)
