"""What is counted of recipients: which event has happened to how many, for the metrics.

It decides what counts as an event. SES has taken an email once it has a message id, in whatever state that is learned.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from app.domain.sending.state_machine import State
from app.store.sending.recipients import Recipient

ACCEPTED: Final = "accepted"
SENT: Final = "sent"
BOUNCE: Final = "bounce"
"""A bounce that SES has reported, with its type and cause as its label; `bounced` counts recipients."""

SMTP: Final = "smtp_"
"""What the names of all counts of the SMTP door begin with."""
SMTP_SESSION: Final = "smtp_session"
SMTP_RECIPIENT: Final = "smtp_recipient"
SMTP_MESSAGE: Final = "smtp_message"
"""What came of sessions, recipients and messages of the SMTP door, by how they ended or what was answered."""
SMTP_MILLISECONDS: Final = "smtp_ms"
"""How long the answers to these messages took, together."""

STATES: Final = (
    State.DELIVERED,
    State.BOUNCED,
    State.COMPLAINED,
    State.SUPPRESSED,
    State.FAILED,
    State.EXPIRED,
    State.CANCELED,
)
EVENTS: Final = (ACCEPTED, SENT, *(state.value for state in STATES))


def tally_of_accepted(states: Iterable[State]) -> Counter[tuple[str, str]]:
    """The events of new recipients in these states: each was accepted, and some are known to be suppressed already."""
    found = Counter(states)
    return Counter({(ACCEPTED, ""): found.total(), (State.SUPPRESSED.value, ""): found[State.SUPPRESSED]})


def tally_of(moves: Iterable[tuple[Recipient, Recipient]]) -> Counter[tuple[str, str]]:
    """The events by which these recipients, each as it was and as it is now, have changed."""
    found: Counter[tuple[str, str]] = Counter()
    for was, row in moves:
        if row.ses_message_id is not None and was.ses_message_id is None:
            found[SENT, ""] += 1
        if row.state is not was.state and row.state in STATES:
            found[row.state.value, ""] += 1
    return found
