"""When may a mail whose fate is unknown be sent again? Only once SES is proven not to have taken it (T10, T11).

That no event has come is evidence only if the stream of events is known to have caught up: so the events of its peers
are counted, mails that SES accepted by answer around the same time. Pure rules; who counts is `app.services.reconcile`.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.domain.delivery import Event

AROUND = timedelta(seconds=60)
ENOUGH_PEERS = 20
_CAUGHT_UP = 0.99
GIVE_UP_AFTER = timedelta(hours=24)


class OnUnconfirmed(StrEnum):
    """What an application wants of a mail whose fate stays unknown: a second mail at worst, or a person to decide."""

    RESEND = "resend"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Mails accepted by answer within a minute of the unknown one; how many of them have their `Send` event.

    `canary_seen`: a mail to SES's mailbox simulator, sent after the unknown one, has its event. It stands in for peers
    where there is little traffic.
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
    """What becomes of an unconfirmed mail now: resent, held, or None: wait on."""
    if quiet_for < quiet_needed:
        return None
    if policy is OnUnconfirmed.HOLD:
        return Event.LEFT_UNPROVEN
    if peers.caught_up:
        return Event.PROVEN_ABSENT
    return Event.LEFT_UNPROVEN if quiet_for >= GIVE_UP_AFTER else None
