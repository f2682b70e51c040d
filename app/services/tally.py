"""What is counted of recipients: which event has happened to how many, for the metrics.

It decides what counts as an event. SES has taken an email once it has a message id, in whatever state that is learned.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from app.domain.sending.state_machine import State
from app.store.sending.recipients import Recipient

ACCEPTED: Final = "accepted"
SENT: Final = "sent"
BOUNCE: Final = "bounce"
"""A bounce that SES has reported, with its type and cause as its label; `bounced` counts recipients."""

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


def tally_of(before: Mapping[UUID, Recipient], after: Iterable[Recipient]) -> Counter[tuple[str, str]]:
    """The events by which these recipients became what they are now."""
    found: Counter[tuple[str, str]] = Counter()
    for row in after:
        was = before[row.id]
        if row.ses_message_id is not None and was.ses_message_id is None:
            found[SENT, ""] += 1
        if row.state is not was.state and row.state in STATES:
            found[row.state.value, ""] += 1
    return found
