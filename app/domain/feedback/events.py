"""What SES can report after it took an email: one normalised event per recipient, in the words of this code base.

It decides the vocabulary only. It reads no AWS JSON (that is `app.aws.events.notification`) and draws no conclusion
(that is `app.domain.suppression.rules` for the address and `app.domain.sending.state_machine` for the email).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """The ten event types of SES, and `unknown` for one that AWS adds later.

    https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
    """

    SEND = "send"
    REJECT = "reject"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    DELIVERY = "delivery"
    OPEN = "open"
    CLICK = "click"
    RENDERING_FAILURE = "rendering_failure"
    DELIVERY_DELAY = "delivery_delay"
    SUBSCRIPTION = "subscription"
    UNKNOWN = "unknown"


class BounceType(StrEnum):
    """`bounceType` of SES, compared without regard to case."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    UNDETERMINED = "undetermined"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """The part of a bounce that speaks of one recipient.

    `subtype` is SES's own spelling (`General`, `NoEmail`, `OnAccountSuppressionList`, …). `action` and `status` are the
    DSN fields of this recipient (RFC 3464), lower-cased, absent when SES had no DSN. `diagnostic` is the text of the
    remote server.
    """

    type: BounceType
    subtype: str
    action: str | None = None
    status: str | None = None
    diagnostic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The part of a complaint that speaks of one recipient.

    `feedback_type` is lower-cased, `subtype` is in SES's own spelling; either may be absent. `among` is how many
    recipients SES named: of an email to several, it does not know which one complained.
    """

    feedback_type: str | None = None
    subtype: str | None = None
    among: int = 1

    @property
    def was_not_sent(self) -> bool:
        """Whether the complaint is about an earlier email: SES has it on record and did not send this one.

        https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#complaint-object
        """
        return (self.subtype or "").lower() in _NOT_SENT_FOR_AN_EARLIER_COMPLAINT


_NOT_SENT_FOR_AN_EARLIER_COMPLAINT = frozenset({"onaccountsuppressionlist", "ontenantsuppressionlist"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SesEvent:
    """One event about one recipient of one email.

    `recipient` is the address as SES reported it; None when the event names none (open, click, reject, a complaint
    whose list is absent) and the recipient has to come from our own row. `occurred_at` is when it happened and
    `mail_sent_at` when SES took the email, both aware UTC: promise 6 compares the latter with a removal.
    `recipient_tag` and `attempt_tag` are our `EmailTags` as SES echoes them, in configuration-set events only.
    `detail` is one plain sentence for the timeline and holds no address.
    """

    kind: EventType
    ses_message_id: str
    recipient: str | None
    occurred_at: datetime
    mail_sent_at: datetime | None
    destination: tuple[str, ...] = ()
    feedback_id: str | None = None
    recipient_tag: str | None = None
    attempt_tag: str | None = None
    sending_account_id: str | None = None
    configuration_set: str | None = None
    bounce: Bounce | None = None
    complaint: Complaint | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one notification says: its events, or a `note` when it is about no email.

    SES's greeting after a set-up gives no events and a note. So does a text that cannot be read. `unread` is set when
    the text, or a part of it, could not be read: a person has to look at what AWS said there.
    """

    events: tuple[SesEvent, ...]
    note: str | None = None
    unread: bool = False
