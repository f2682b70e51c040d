"""When an email with an unknown outcome may be sent again: only once SES is proven not to have taken it (T10, T11).

A missing event is evidence only if the stream of events is known to have caught up. So the events of the email's peers
are counted: emails that SES accepted, with an answer, around the same time. Pure rules; the counting is done by
`app.services.sending.unconfirmed`.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.domain.sending.state_machine import Event

AROUND = timedelta(seconds=60)
ENOUGH_PEERS = 20
_CAUGHT_UP = 0.99
GIVE_UP_AFTER = timedelta(hours=24)


class OnUnconfirmed(StrEnum):
    """What an application wants when an outcome stays unknown: at worst a duplicate, or a decision by a person."""

    RESEND = "resend"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The emails that SES accepted within a minute of the unknown one, and how many of them have their `Send` event.

    `canary_seen`: an email to SES's mailbox simulator, sent after the unknown one, has its event. It stands in for
    peers where there is little traffic.
    """

    accepted: int
    seen: int
    canary_seen: bool = False

    @property
    def caught_up(self) -> bool:
        """Whether the stream of events is proven to have caught up with that minute."""
        enough = self.accepted >= ENOUGH_PEERS or self.canary_seen
        return enough and self.seen >= _CAUGHT_UP * self.accepted


def verdict(policy: OnUnconfirmed, *, quiet_for: timedelta, quiet_needed: timedelta, peers: Peers) -> Event | None:
    """What to do with an unconfirmed email now: resend it, hold it, or (None) keep waiting."""
    if quiet_for < quiet_needed:
        return None
    if policy is OnUnconfirmed.HOLD:
        return Event.LEFT_UNPROVEN
    if peers.caught_up:
        return Event.PROVEN_ABSENT
    return Event.LEFT_UNPROVEN if quiet_for >= GIVE_UP_AFTER else None
