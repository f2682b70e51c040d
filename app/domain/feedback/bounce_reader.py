"""Read a bounce: its cause, and the rule by which the server's reply was read.

SES's type and subtype decide where SES did not try, or answers by itself. Everywhere else the server's own reply
decides, since SES calls a bounce permanent for reasons that no address is to blame for.
"""

from dataclasses import dataclass

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import Bounce, BounceType, SesEvent
from app.domain.feedback.reply_reader import ReplyReader, ReplyReading
from app.domain.feedback.reply_rules import ReplyClass

# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types, compared without regard to case
_NOT_SENT = {
    "onaccountsuppressionlist": BounceCause.SES_LIST,
    "ontenantsuppressionlist": BounceCause.SES_LIST,
    "emailvalidationsuppressed": BounceCause.NOT_ATTEMPTED,
    "unsubscribedrecipient": BounceCause.OPTED_OUT,
}
_TRANSIENT = {
    "messagetoolarge": BounceCause.THIS_MESSAGE,
    "contentrejected": BounceCause.THIS_MESSAGE,
    "attachmentrejected": BounceCause.THIS_MESSAGE,
    "mailboxfull": BounceCause.MAILBOX_FULL,
}
# SES has read the server's answer itself, or gives its own.
_SURELY = {"noemail": BounceCause.MAILBOX_GONE, "suppressed": BounceCause.SES_GLOBAL_LIST}

_CAUSES = {
    ReplyClass.GONE: BounceCause.MAILBOX_GONE,
    ReplyClass.DOMAIN: BounceCause.DOMAIN_GONE,
    ReplyClass.FULL: BounceCause.MAILBOX_FULL,
    ReplyClass.BUSY: BounceCause.MAILBOX_BUSY,
    ReplyClass.TROUBLE: BounceCause.PROVIDER_TROUBLE,
    ReplyClass.RATE: BounceCause.OUR_RATE,
    ReplyClass.RELAY: BounceCause.RELAY_DENIED,
    ReplyClass.OURS: BounceCause.OUR_FAULT,
    ReplyClass.SPAM: BounceCause.SPAM_VERDICT,
    ReplyClass.MESSAGE: BounceCause.THIS_MESSAGE,
    ReplyClass.REFUSED: BounceCause.RECIPIENT_RULE,
    ReplyClass.UNCLEAR: BounceCause.REFUSED_UNCLEAR,
}
# Only a permanent bounce shows that a mailbox is gone, or that a server refused for good.
_FOR_GOOD = frozenset({BounceCause.MAILBOX_GONE, BounceCause.REFUSED_UNCLEAR})


@dataclass(frozen=True, slots=True)
class BounceReading:
    """The cause of a bounce; `rule` is the id of the rule that read the server's reply, if one did."""

    cause: BounceCause
    rule: str | None = None


class BounceReader:
    """Reads bounces. Threads may share it."""

    def __init__(self, replies: ReplyReader) -> None:
        self._replies = replies

    def cause_of(self, bounce: Bounce) -> BounceCause:
        """Where the fault of this recipient's bounce lies."""
        return self.read(bounce).cause

    def read_event(self, ses_event: SesEvent) -> BounceReading | None:
        """The reading of the bounce that this event reports; None for an event that is no bounce."""
        return None if ses_event.bounce is None else self.read(ses_event.bounce)

    def read(self, bounce: Bounce) -> BounceReading:
        """The cause of this recipient's bounce, and the rule that decided.

        AWS's own sample of a permanent bounce holds a recipient with `"action":"delayed","status":"4.0.0"`, so the
        fields of the recipient outrank the type of the whole bounce.
        """
        subtype = bounce.subtype.lower()
        if bounce.type is not BounceType.UNKNOWN and subtype in _NOT_SENT:
            return BounceReading(_NOT_SENT[subtype])
        if bounce.action == "delayed":
            return BounceReading(BounceCause.STILL_TRYING)
        if bounce.type is BounceType.PERMANENT:
            passing = (bounce.status or "").startswith(("2", "4"))
            if subtype in _SURELY and not passing:
                return BounceReading(_SURELY[subtype])
            return self._reply(bounce, for_good=not passing)
        if bounce.type is BounceType.TRANSIENT:
            return self._transient(bounce, subtype)
        is_undetermined = bounce.type is BounceType.UNDETERMINED
        return BounceReading(BounceCause.UNDETERMINED if is_undetermined else BounceCause.UNKNOWN)

    def _transient(self, bounce: Bounce, subtype: str) -> BounceReading:
        # An out-of-office answer arrives as Transient/General too, but without any field of a delivery report.
        if subtype == "general" and not (bounce.action or bounce.status or bounce.diagnostic):
            return BounceReading(BounceCause.AUTO_REPLY)
        if subtype in _TRANSIENT:
            return BounceReading(_TRANSIENT[subtype])
        return self._reply(bounce, for_good=False)

    def _reply(self, bounce: Bounce, *, for_good: bool) -> BounceReading:
        reading: ReplyReading | None = self._replies.read(bounce.status, bounce.diagnostic)
        cause = _CAUSES[reading.reply_class] if reading else BounceCause.REFUSED_UNCLEAR
        if cause in _FOR_GOOD and not for_good:
            cause = BounceCause.PASSING
        return BounceReading(cause, reading.rule if reading else None)
