"""What one event says by itself: whom it blames, what it asks of the suppression list, its row in the timeline.

It reads and writes nothing; what follows, with what is known of the address besides, is `app.services.conclude`.
"""

from dataclasses import dataclass
from uuid import UUID

from app.domain.address import Address, is_mailbox_simulator
from app.domain.feedback import Feedback, FeedbackKind
from app.domain.pseudonym import read_named
from app.domain.suppression import Ruling, Verdict, rule
from app.services.match import Match
from app.store.events import Json, NewEvent, fingerprint
from app.store.ids import new_id
from app.store.recipients import Recipient


@dataclass(frozen=True, slots=True)
class News:
    """One event as it may be kept, the notification that it came in, and what it is about, if that is known."""

    notification_id: UUID
    feedback: Feedback
    match: Match | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event, the address that it is about, what it asks of the list, and its row."""

    news: News
    address: Address | None
    ruling: Ruling
    event: NewEvent

    @property
    def weighs_a_pause(self) -> bool:
        """Whether the soft bounces of the address have to be looked at."""
        return self.ruling.verdict is Verdict.COUNT or self.news.feedback.kind is FeedbackKind.DELIVERY


def judge(news: News, recipient: Recipient | None, *, exempt_simulator: bool) -> Judged:
    """What the event says. `recipient` is the one that it is about, if that is known."""
    address = _blamed(news.feedback, recipient)
    exempt = exempt_simulator and address is not None and is_mailbox_simulator(address)
    ruling = rule(news.feedback, exempt=exempt)
    return Judged(news=news, address=address, ruling=ruling, event=_event(news, address, recipient, ruling))


def told(feedback: Feedback) -> Json:
    """What is kept of the words of SES."""
    bounce, complaint = feedback.bounce, feedback.complaint
    fields: Json = {"ses_message_id": feedback.ses_message_id, "feedback_id": feedback.feedback_id}
    if bounce is not None:
        fields |= {
            "bounce_type": bounce.type,
            "bounce_subtype": bounce.subtype,
            "action": bounce.action,
            "status": bounce.status,
            "diagnostic": bounce.diagnostic,
            "reported_recipient": feedback.recipient,
        }
    if complaint is not None:
        fields |= {"complaint_type": complaint.feedback_type, "complaint_subtype": complaint.subtype}
    return {name: value for name, value in fields.items() if value is not None}


def _blamed(feedback: Feedback, recipient: Recipient | None) -> Address | None:
    """The address that the event is about.

    SES reports a DSN's Final-Recipient, which for a forwarded mail is somebody we never mailed: then the one address
    that we did mail answers for it. With several, nobody does.
    """
    reported = read_named(feedback.recipient) if feedback.recipient else None
    mailed = _mailed(feedback, recipient)
    if reported is None or any(one.key == reported.key for one in mailed):
        return reported or (mailed[0] if recipient else None)
    if not mailed:
        return reported
    return mailed[0] if len(mailed) == 1 else None


def _mailed(feedback: Feedback, recipient: Recipient | None) -> list[Address]:
    if recipient is not None:
        own = read_named(recipient.address)
        return [own] if own else []
    return [address for text in feedback.destination if (address := read_named(text))]


def _event(news: News, address: Address | None, recipient: Recipient | None, ruling: Ruling) -> NewEvent:
    feedback = news.feedback
    return NewEvent(
        id=new_id(),
        feedback_id=news.notification_id,
        recipient_id=recipient.id if recipient else None,
        ses_message_id=feedback.ses_message_id,
        type=feedback.kind,
        address=address.email if address else feedback.recipient,
        key=address.key if address else None,
        domain=address.domain if address else None,
        dedup=fingerprint(feedback.recipient or "", feedback.feedback_id, feedback.occurred_at),
        occurred_at=feedback.occurred_at,
        mail_sent_at=feedback.mail_sent_at,
        counts_against=ruling.verdict is Verdict.COUNT,
        detail=feedback.detail,
        effect=ruling.why,
        data=told(feedback),
    )
