"""One word for an email with many recipients: the worst outcome among them, in Resend's vocabulary."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.sending.state_machine import State

# From the least to the most important.
_ORDER = (
    "scheduled",
    "queued",
    "sent",
    "delivered",
    "opened",
    "clicked",
    "delivery_delayed",
    "canceled",
    "suppressed",
    "failed",
    "bounced",
    "complained",
)
LAST_EVENTS = frozenset(_ORDER)

_WORD = {
    State.SCHEDULED: "scheduled",
    State.QUEUED: "queued",
    State.SENDING: "queued",
    State.RETRY_WAIT: "queued",
    State.UNCONFIRMED: "queued",
    State.HELD: "queued",
    State.SENT: "sent",
    State.DELIVERY_DELAYED: "delivery_delayed",
    State.DELIVERED: "delivered",
    State.BOUNCED: "bounced",
    State.COMPLAINED: "complained",
    State.SUPPRESSED: "suppressed",
    State.FAILED: "failed",
    State.EXPIRED: "failed",
    State.CANCELED: "canceled",
}
_MAY_BE_READ = frozenset({"sent", "delivered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The state of one recipient, and whether the email was opened or clicked."""

    state: State
    opened: bool = False
    clicked: bool = False


def last_event(recipients: Iterable[Seen]) -> str:
    """The worst outcome among the recipients of one email."""
    return max((_word(one) for one in recipients), key=_ORDER.index)


def _word(seen: Seen) -> str:
    word = _WORD[seen.state]
    if word not in _MAY_BE_READ:
        return word
    return "clicked" if seen.clicked else "opened" if seen.opened else word


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The condition for one last event: at least one recipient is in `states`, and none is in `without`.

    `opened` and `clicked` are further conditions; None makes no condition.
    """

    states: frozenset[State]
    without: frozenset[State]
    opened: bool | None = None
    clicked: bool | None = None


def behind(word: str) -> Behind:
    """The condition under which an email has `word`, one of `LAST_EVENTS`, as its last event."""
    worse = frozenset(state for state, other in _WORD.items() if _ORDER.index(other) > _ORDER.index(word))
    read = frozenset({State.SENT, State.DELIVERED})
    match word:
        case "clicked":
            return Behind(states=read, without=worse - read, clicked=True)
        case "opened":
            return Behind(states=read, without=worse - read, opened=True, clicked=False)
    states = frozenset(state for state, other in _WORD.items() if other == word)
    if word in _MAY_BE_READ:
        return Behind(states=states, without=worse, opened=False, clicked=False)
    return Behind(states=states, without=worse)
