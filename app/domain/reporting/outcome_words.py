"""The sentences of outcomes: a cause, what happened, the next step and who can take it.

They are for a person who knows nothing of email servers. They name no address, so that they can be shown where
addresses are masked. `app.domain.reporting.outcomes` decides which one applies.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Origin


class OutcomeCause(StrEnum):
    """Why: where the matter lies, as far as it is known."""

    SCHEDULED = "scheduled"
    DELAYED = "delayed"
    MAILBOX_GONE = "mailbox_gone"
    MAILBOX_FULL = "mailbox_full"
    MAILBOX_BUSY = "mailbox_busy"
    DOMAIN_GONE = "domain_gone"
    TYPO = "typo"
    ADDRESS_INVALID = "address_invalid"
    REFUSED = "refused"
    RECIPIENT_RULE = "recipient_rule"
    RECIPIENT_TROUBLE = "recipient_trouble"
    TAKEN_FOR_SPAM = "taken_for_spam"
    CONTENT = "content"
    FAILED_BEFORE = "failed_before"
    BLOCKED = "blocked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    EXPIRED = "expired"
    CANCELED = "canceled"
    OUR_SIDE = "our_side"
    UNEXPLAINED = "unexplained"


class WhoCanAct(StrEnum):
    """Who can take the next step."""

    INVITER = "inviter"
    RECIPIENT = "recipient"
    APPLICATION = "application"
    OPERATOR = "operator"
    NOBODY = "nobody"


class Refusal(StrEnum):
    """What was refused of a failed email: its address, or its content."""

    ADDRESS = "address"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Words:
    """What is told of a recipient. `cause` is None while nothing is in the way. `who_can_act` takes the `next_step`."""

    cause: OutcomeCause | None
    sentence: str
    next_step: str
    who_can_act: WhoCanAct


_WAIT, _CHECK = "Nothing to do: please wait.", "Check the address with the person."
_ANOTHER_WAY = "Reach the person in another way, or ask for another address."
_TOMORROW = "Try again tomorrow."
ASKED_AGAIN = "Send nothing more, unless the person asks for it again."

OF_STATE: Final[dict[State, Words]] = {
    State.SCHEDULED: Words(
        OutcomeCause.SCHEDULED,
        "The email waits for the time at which it is to be sent.",
        _WAIT,
        WhoCanAct.NOBODY,
    ),
    State.QUEUED: Words(None, "The email is about to be sent.", _WAIT, WhoCanAct.NOBODY),
    State.SENDING: Words(None, "The email is being sent.", _WAIT, WhoCanAct.NOBODY),
    State.RETRY_WAIT: Words(None, "The email has not left yet; it is tried again soon.", _WAIT, WhoCanAct.NOBODY),
    State.UNCONFIRMED: Words(
        OutcomeCause.OUR_SIDE,
        "It is not certain yet that the email has left.",
        "Nothing to do: it is being found out.",
        WhoCanAct.NOBODY,
    ),
    State.HELD: Words(
        OutcomeCause.OUR_SIDE,
        "The email may not have left; a person has to decide.",
        "Decide whether to send it again.",
        WhoCanAct.OPERATOR,
    ),
    State.SENT: Words(None, "The email has left; an answer is still to come.", _WAIT, WhoCanAct.NOBODY),
    State.DELIVERY_DELAYED: Words(
        OutcomeCause.DELAYED,
        "The recipient's email system has not taken the email yet; it is tried again for some hours.",
        _WAIT,
        WhoCanAct.NOBODY,
    ),
    State.DELIVERED: Words(None, "The email has arrived.", "Nothing to do.", WhoCanAct.NOBODY),
    State.COMPLAINED: Words(
        OutcomeCause.COMPLAINED,
        "The email has arrived, and was reported as unwanted.",
        ASKED_AGAIN,
        WhoCanAct.RECIPIENT,
    ),
    State.EXPIRED: Words(
        OutcomeCause.EXPIRED,
        "The email could not leave in time, so it was not sent.",
        "Send it again if it is still of use.",
        WhoCanAct.INVITER,
    ),
    State.CANCELED: Words(
        OutcomeCause.CANCELED,
        "The email was canceled before it left.",
        "Send it again if that was a mistake.",
        WhoCanAct.INVITER,
    ),
}

_UNEXPLAINED: Final = Words(
    OutcomeCause.UNEXPLAINED,
    "The email came back, and nothing says why.",
    "Check the address, or reach the person in another way.",
    WhoCanAct.INVITER,
)
_GONE: Final = Words(
    OutcomeCause.MAILBOX_GONE,
    "There is no mailbox at this address, or it is closed.",
    "Ask the person for the address that they use now.",
    WhoCanAct.INVITER,
)
_NO_SUCH_PLACE: Final = Words(
    OutcomeCause.DOMAIN_GONE,
    "The part of the address after the @ takes no email.",
    "Check that part of the address.",
    WhoCanAct.INVITER,
)
_OURS: Final = Words(
    OutcomeCause.OUR_SIDE,
    "The recipient's email system takes no email from us at the moment; the address is not to blame.",
    "Find out why, then send it again.",
    WhoCanAct.OPERATOR,
)
_TROUBLE: Final = Words(
    OutcomeCause.RECIPIENT_TROUBLE,
    "The recipient's email system could not take the email at that time.",
    _TOMORROW,
    WhoCanAct.INVITER,
)
_NO_MORE: Final = Words(
    OutcomeCause.UNSUBSCRIBED,
    "The person does not want to receive these emails any more.",
    ASKED_AGAIN,
    WhoCanAct.RECIPIENT,
)
_MISSPELT: Final = Words(
    OutcomeCause.ADDRESS_INVALID,
    "This is not a valid email address.",
    _CHECK,
    WhoCanAct.INVITER,
)
_CONTENT: Final = Words(
    OutcomeCause.CONTENT,
    "The email was refused for its content or its size; the address is not to blame.",
    "Change the text or the attachments, then send it again.",
    WhoCanAct.APPLICATION,
)

OF_BOUNCE: Final[dict[BounceCause | None, Words]] = {
    BounceCause.MAILBOX_GONE: _GONE,
    BounceCause.DOMAIN_GONE: _NO_SUCH_PLACE,
    BounceCause.MAILBOX_FULL: Words(
        OutcomeCause.MAILBOX_FULL,
        "The mailbox is full.",
        "Try again next week.",
        WhoCanAct.INVITER,
    ),
    BounceCause.MAILBOX_BUSY: Words(
        OutcomeCause.MAILBOX_BUSY,
        "The mailbox takes no more email at the moment.",
        _TOMORROW,
        WhoCanAct.INVITER,
    ),
    BounceCause.REFUSED_UNCLEAR: Words(
        OutcomeCause.REFUSED,
        "The recipient's email system refused the email and does not say why.",
        _ANOTHER_WAY,
        WhoCanAct.INVITER,
    ),
    BounceCause.RECIPIENT_RULE: Words(
        OutcomeCause.RECIPIENT_RULE,
        "A rule of the recipient, or of their organisation, keeps this email out.",
        "Ask the person to allow email from the sender.",
        WhoCanAct.RECIPIENT,
    ),
    BounceCause.SES_LIST: Words(
        OutcomeCause.FAILED_BEFORE,
        "Earlier emails to this address came back or were unwanted, so this one was held back.",
        _CHECK,
        WhoCanAct.INVITER,
    ),
    BounceCause.SES_GLOBAL_LIST: Words(
        OutcomeCause.FAILED_BEFORE,
        "Emails of other senders to this address came back, so this one was held back.",
        "Check the address with the person; try again in two weeks.",
        WhoCanAct.INVITER,
    ),
    BounceCause.OPTED_OUT: _NO_MORE,
    BounceCause.OUR_FAULT: _OURS,
    BounceCause.OUR_RATE: Words(
        OutcomeCause.OUR_SIDE,
        "The recipient's email system takes email from us only slowly at the moment.",
        _TOMORROW,
        WhoCanAct.INVITER,
    ),
    BounceCause.SPAM_VERDICT: Words(
        OutcomeCause.TAKEN_FOR_SPAM,
        "A filter took the email for spam; the address is not to blame.",
        "Change the text, then send it again.",
        WhoCanAct.APPLICATION,
    ),
    BounceCause.RELAY_DENIED: _NO_SUCH_PLACE,
    BounceCause.PROVIDER_TROUBLE: _TROUBLE,
    BounceCause.PASSING: _TROUBLE,
    BounceCause.THIS_MESSAGE: _CONTENT,
    BounceCause.NOT_ATTEMPTED: _MISSPELT,
    **dict.fromkeys(
        (BounceCause.AUTO_REPLY, BounceCause.STILL_TRYING, BounceCause.UNDETERMINED, BounceCause.UNKNOWN, None),
        _UNEXPLAINED,
    ),
}

_CAME_BACK_BEFORE: Final = Words(
    OutcomeCause.FAILED_BEFORE,
    "An earlier email to this address came back, so this one was not sent.",
    _CHECK,
    WhoCanAct.INVITER,
)
_BLOCKED: Final = Words(
    OutcomeCause.BLOCKED,
    "The address is blocked here, so the email was not sent.",
    "Allow the address again, if it may get this email.",
    WhoCanAct.APPLICATION,
)
OF_ORIGIN: Final[dict[Origin | None, Words]] = {
    Origin.BOUNCE: _CAME_BACK_BEFORE,
    Origin.SES_ACCOUNT: Words(
        OutcomeCause.FAILED_BEFORE,
        "Earlier emails to this address came back or were unwanted, so this one was not sent.",
        _CHECK,
        WhoCanAct.INVITER,
    ),
    Origin.COMPLAINT: Words(
        OutcomeCause.COMPLAINED,
        "An earlier email was reported as unwanted, so this one was not sent.",
        ASKED_AGAIN,
        WhoCanAct.RECIPIENT,
    ),
    Origin.UNSUBSCRIBE: _NO_MORE,
    # That a person asked to be forgotten stays secret.
    Origin.ERASURE: _NO_MORE,
    Origin.MANUAL: _BLOCKED,
    None: _BLOCKED,
}
OF_REFUSAL: Final[dict[Refusal | None, Words]] = {
    Refusal.ADDRESS: _MISSPELT,
    Refusal.CONTENT: _CONTENT,
    None: Words(
        OutcomeCause.REFUSED,
        "The email was refused before it could leave.",
        "Look up the reason, then send it again.",
        WhoCanAct.APPLICATION,
    ),
}

SUPERSEDED: Final = Words(
    OutcomeCause.CANCELED, "A newer email took its place, so this one was not sent.", "Nothing to do.", WhoCanAct.NOBODY
)
OPENED: Final = Words(None, "The email has arrived and was opened.", "Nothing to do.", WhoCanAct.NOBODY)


def mistyped(meant: str) -> Words:
    """The words where the domain of the address looks mistyped, and `meant` is probably right."""
    return Words(
        OutcomeCause.TYPO,
        "The email did not get through: the address looks mistyped.",
        f"Check the address: should it end in @{meant}?",
        WhoCanAct.INVITER,
    )
