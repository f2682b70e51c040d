"""Which events of an email the suppression list still needs once the email itself is deleted.

A pure rule. The events that it keeps are those that decide about an address: why it is on the list, or was, and what
counts towards its next pause.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.feedback.events import EventType


@dataclass(frozen=True, slots=True)
class PastEvent:
    """A stored event about an address; `counts_against`: it counts towards a pause of the address."""

    id: UUID
    type: str
    occurred_at: datetime
    counts_against: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPast:
    """What is known of an address besides.

    `listed`: it is or was on our list, or is on that of SES. `counts_since`: when the first of its bounces that count
    towards a pause occurred. `delivered_at`: when email to it was last delivered.
    """

    listed: bool
    counts_since: datetime | None
    delivered_at: datetime | None


def is_needed(event: PastEvent, past: AddressPast) -> bool:
    """Whether the list needs the event: as evidence for an entry, or to count the bounces since the last delivery."""
    delivered_at = past.delivered_at
    match event.type:
        case EventType.BOUNCE | EventType.COMPLAINT:
            still_counts = event.counts_against and (delivered_at is None or event.occurred_at > delivered_at)
            return past.listed or still_counts
        case EventType.DELIVERY:
            ends_a_row = past.counts_since is not None and past.counts_since <= event.occurred_at
            return ends_a_row and event.occurred_at == delivered_at
        case _:
            return False
