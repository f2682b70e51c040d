"""What one recipient is counted as now, and how a move changes the counts.

A count is the number of recipients for which it is true at this moment. A move adds what became true and takes off what
no longer is, so a count stays exact in whatever order events come and however often.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.sending.state_machine import State


class Counted(StrEnum):
    """What is counted of recipients. Each has at most one outcome, from `delivered` to `unknown`."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"
    UNKNOWN = "unknown"
    HARD_BOUNCED = "hard_bounced"
    OPENED = "opened"
    CLICKED = "clicked"


HARD: Final = frozenset({BounceCause.MAILBOX_GONE, BounceCause.REFUSED_UNCLEAR, BounceCause.SES_GLOBAL_LIST})
"""The causes that only a bounce of the type `Permanent` has, which AWS counts in its bounce rate.

AWS also counts a permanent bounce for policy or content, which its cause does not show, and none for an address on the
list of the account. https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html
"""

_OUTCOMES: Final = {
    State.DELIVERED: Counted.DELIVERED,
    State.DELIVERY_DELAYED: Counted.DELAYED,
    State.BOUNCED: Counted.BOUNCED,
    State.COMPLAINED: Counted.COMPLAINED,
    State.SUPPRESSED: Counted.SUPPRESSED,
    State.FAILED: Counted.FAILED,
    State.EXPIRED: Counted.EXPIRED,
    State.CANCELED: Counted.CANCELED,
    State.UNCONFIRMED: Counted.UNKNOWN,
    State.HELD: Counted.UNKNOWN,
}


class Countable(Protocol):
    """A recipient, as far as it is counted."""

    @property
    def mailbox_provider(self) -> str:
        """The provider of its mailbox; empty if it was accepted before recipients were counted."""

    @property
    def state(self) -> State:
        """Its state."""

    @property
    def cause(self) -> str | None:
        """Why it bounced."""

    @property
    def ses_message_id(self) -> str | None:
        """The id under which SES took it."""

    @property
    def opened_at(self) -> datetime | None:
        """When it was first opened."""

    @property
    def clicked_at(self) -> datetime | None:
        """When a link in it was first followed."""


def counted(one: Countable) -> tuple[Counted, ...]:
    """All that the recipient is counted as now.

    Nothing if it was accepted before recipients were counted, since a move would then take off what was never added.
    """
    if not one.mailbox_provider:
        return ()
    true = [*counted_at_first(one.state)]
    if one.ses_message_id is not None:
        true.append(Counted.SENT)
    if one.cause in HARD and one.state is State.BOUNCED:
        true.append(Counted.HARD_BOUNCED)
    if one.opened_at is not None:
        true.append(Counted.OPENED)
    if one.clicked_at is not None:
        true.append(Counted.CLICKED)
    return tuple(true)


def counted_at_first(state: State) -> tuple[Counted, ...]:
    """What a recipient is counted as when it is accepted in this state."""
    return (Counted.ACCEPTED, _OUTCOMES[state]) if state in _OUTCOMES else (Counted.ACCEPTED,)


def change(before: tuple[Counted, ...], after: tuple[Counted, ...]) -> list[tuple[Counted, int]]:
    """By how much each count changes when a recipient is counted as `after` instead of `before`."""
    return [(what, 1) for what in after if what not in before] + [(what, -1) for what in before if what not in after]
