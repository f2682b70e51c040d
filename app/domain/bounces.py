"""What a bounce is evidence of: the mailbox, the moment, this one message, the provider, or us.

One recipient's bounce comes in, one `BounceCause` goes out. It decides neither whether the address is suppressed
(`app.domain.suppression`) nor what becomes of the mail (`app.domain.news`).
"""

from enum import StrEnum

from app.domain.diagnostics import Meaning, meaning_of
from app.domain.feedback import Bounce, BounceType


class BounceCause(StrEnum):
    """Where the fault lies, as far as the bounce can show it."""

    MAILBOX_GONE = "mailbox_gone"
    MAILBOX_FULL = "mailbox_full"
    SES_LIST = "ses_list"
    OPTED_OUT = "opted_out"
    OUR_FAULT = "our_fault"
    PROVIDER_TROUBLE = "provider_trouble"
    PASSING = "passing"
    THIS_MESSAGE = "this_message"
    AUTO_REPLY = "auto_reply"
    STILL_TRYING = "still_trying"
    NOT_ATTEMPTED = "not_attempted"
    UNKNOWN = "unknown"


IN_PLAIN_WORDS = {
    BounceCause.MAILBOX_GONE: "The mailbox does not exist or refuses all mail.",
    BounceCause.MAILBOX_FULL: "The mailbox is full; that counts towards a pause and suppresses nobody by itself.",
    BounceCause.SES_LIST: "The address is on the suppression list of the SES account; SES did not try to deliver.",
    BounceCause.OPTED_OUT: "The person opted out of this list at SES.",
    BounceCause.OUR_FAULT: "The receiving server refused us for policy or reputation; the address is not to blame.",
    BounceCause.PROVIDER_TROUBLE: "The receiving server was in trouble or out of reach; it counts towards a pause.",
    BounceCause.PASSING: "A passing failure; it counts towards a pause and suppresses nobody by itself.",
    BounceCause.THIS_MESSAGE: "The message was refused for its size or content; the address is not to blame.",
    BounceCause.AUTO_REPLY: "An automatic reply, such as out of office.",
    BounceCause.STILL_TRYING: "The delivery is delayed, not failed.",
    BounceCause.NOT_ATTEMPTED: "SES's own address validation held the mail back; no mailbox refused it.",
    BounceCause.UNKNOWN: "A type of bounce that is not known here; kept, nobody is suppressed for it.",
}

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
    "mailboxfull": BounceCause.MAILBOX_FULL,
}
# SES has read the server's answer itself, or gives its own.
_SURELY_GONE = frozenset({"noemail", "suppressed"})

_MEANS = {
    Meaning.FULL: BounceCause.MAILBOX_FULL,
    Meaning.REFUSES_US: BounceCause.OUR_FAULT,
    Meaning.MESSAGE: BounceCause.THIS_MESSAGE,
    Meaning.TROUBLE: BounceCause.PROVIDER_TROUBLE,
}


def cause_of(bounce: Bounce) -> BounceCause:
    """Where the fault of this recipient's bounce lies.

    AWS's own sample of a permanent bounce holds a recipient with `"action":"delayed","status":"4.0.0"`, so the fields
    of the recipient outrank the type of the whole bounce. What they leave open stays what SES says, since SES counts it
    against the sender.
    """
    subtype = bounce.subtype.lower()
    if bounce.type is BounceType.PERMANENT and subtype in _PERMANENT:
        return _PERMANENT[subtype]
    if bounce.action == "delayed":
        return BounceCause.STILL_TRYING
    if bounce.type is BounceType.PERMANENT:
        return _permanent(bounce, subtype)
    if bounce.type in {BounceType.TRANSIENT, BounceType.UNDETERMINED}:
        return _transient(bounce, subtype)
    return BounceCause.UNKNOWN


def _permanent(bounce: Bounce, subtype: str) -> BounceCause:
    passing = (bounce.status or "").startswith(("2", "4"))
    if subtype in _SURELY_GONE and not passing:
        return BounceCause.MAILBOX_GONE
    meaning = meaning_of(bounce.status, bounce.diagnostic)
    if meaning is None or meaning is Meaning.GONE:
        return BounceCause.PASSING if passing else BounceCause.MAILBOX_GONE
    return _MEANS[meaning]


def _transient(bounce: Bounce, subtype: str) -> BounceCause:
    if meaning_of(bounce.status, None) is Meaning.REFUSES_US:
        return BounceCause.OUR_FAULT
    if subtype in _TRANSIENT:
        return _TRANSIENT[subtype]
    # An out-of-office answer arrives as Transient/General too, but without any field of a delivery report.
    if subtype == "general" and not (bounce.action or bounce.status or bounce.diagnostic):
        return BounceCause.AUTO_REPLY
    meaning = meaning_of(bounce.status, bounce.diagnostic)
    return _MEANS.get(meaning, BounceCause.PASSING) if meaning else BounceCause.PASSING
