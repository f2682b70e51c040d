"""What a bounce is evidence of: the mailbox, the moment, this one message, or us.

One recipient's bounce comes in, one `BounceCause` goes out. It decides neither whether the address is suppressed
(`app.domain.suppression`) nor what becomes of the mail (`app.domain.news`).
"""

import re
from enum import StrEnum

from app.domain.feedback import Bounce, BounceType


class BounceCause(StrEnum):
    """Where the fault lies, as far as the bounce can show it."""

    MAILBOX_GONE = "mailbox_gone"
    SES_LIST = "ses_list"
    OPTED_OUT = "opted_out"
    OUR_FAULT = "our_fault"
    PASSING = "passing"
    THIS_MESSAGE = "this_message"
    AUTO_REPLY = "auto_reply"
    STILL_TRYING = "still_trying"
    NOT_ATTEMPTED = "not_attempted"
    UNKNOWN = "unknown"


# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types, compared without regard to case
_PERMANENT = {
    "onaccountsuppressionlist": BounceCause.SES_LIST,
    "ontenantsuppressionlist": BounceCause.SES_LIST,
    "emailvalidationsuppressed": BounceCause.NOT_ATTEMPTED,
    "unsubscribedrecipient": BounceCause.OPTED_OUT,
}
_TRANSIENT = {
    "messagetoolarge": BounceCause.THIS_MESSAGE,
    "contentrejected": BounceCause.THIS_MESSAGE,
    "attachmentrejected": BounceCause.THIS_MESSAGE,
}

# RFC 3463: X.7.X is security or policy. A server that refuses us for policy says nothing about the mailbox.
_POLICY_STATUS = re.compile(r"[45]\.7\.\d{1,3}")
_POLICY_IN_TEXT = re.compile(r"(?<![\d.])[45]\.7\.\d{1,3}(?![\d.])")
_VAGUE_STATUS = frozenset({None, "", "5.0.0", "4.0.0"})


def cause_of(bounce: Bounce) -> BounceCause:
    """Where the fault of this recipient's bounce lies.

    AWS's own sample of a permanent bounce holds a recipient with `"action":"delayed","status":"4.0.0"`, so the fields
    of the recipient outrank the type of the whole bounce.
    """
    subtype = bounce.subtype.lower()
    if bounce.type is BounceType.PERMANENT and subtype in _PERMANENT:
        return _PERMANENT[subtype]
    if bounce.action == "delayed":
        return BounceCause.STILL_TRYING
    if _is_policy(bounce):
        return BounceCause.OUR_FAULT
    match bounce.type:
        case BounceType.PERMANENT:
            return _permanent(bounce)
        case BounceType.TRANSIENT:
            return _transient(bounce, subtype)
        case BounceType.UNDETERMINED:
            return BounceCause.PASSING
    return BounceCause.UNKNOWN


def _permanent(bounce: Bounce) -> BounceCause:
    if bounce.status and bounce.status[0] in "24":
        return BounceCause.PASSING
    return BounceCause.MAILBOX_GONE


def _transient(bounce: Bounce, subtype: str) -> BounceCause:
    if subtype in _TRANSIENT:
        return _TRANSIENT[subtype]
    # An out-of-office answer arrives as Transient/General too, but without any field of a delivery report.
    if subtype == "general" and not (bounce.action or bounce.status or bounce.diagnostic):
        return BounceCause.AUTO_REPLY
    return BounceCause.PASSING


def _is_policy(bounce: Bounce) -> bool:
    if bounce.status and _POLICY_STATUS.fullmatch(bounce.status):
        return True
    return bounce.status in _VAGUE_STATUS and bool(_POLICY_IN_TEXT.search(bounce.diagnostic or ""))
