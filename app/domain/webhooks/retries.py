"""When a delivery is tried again, when its endpoint may be called again, and when either is given up.

A delivery waits by its own tries. Its endpoint waits as a whole, by its turns in a row that ended in trouble: a dead
one with a million waiting deliveries gets one call now and then. These waits are short, so that what waited goes on
soon after an endpoint is back.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

WAITS: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    *[timedelta(hours=12)] * 5,
)
"""How long a delivery waits after each failed try, three days in all. After the last one it has failed."""

KEEPS_ORDER: Final = 3
"""After this many failed tries, later events about the same thing no longer wait for a delivery."""

_ENDPOINT_WAITS: Final = (
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
)

DISABLED_AFTER: Final = timedelta(days=5)
"""How long an endpoint may fail without a success before it is disabled."""


class DeliveryState(StrEnum):
    """The state of a delivery. One that failed was not taken in three days of tries; it can be replayed."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


def wait_after(tries: int) -> timedelta | None:
    """How long a delivery waits after this many failed tries; None when it is given up."""
    return WAITS[tries - 1] if tries <= len(WAITS) else None


def endpoint_wait(failures: int) -> timedelta:
    """How long an endpoint is left alone after this many turns in a row that ended in trouble."""
    return _ENDPOINT_WAITS[min(failures, len(_ENDPOINT_WAITS)) - 1]


def concerns_endpoint(status: int | None) -> bool:
    """Whether a failed call says that the endpoint is in trouble, rather than that it refuses this one event.

    A 4xx is about the request, except that it was too slow or one too many (RFC 9110 section 15.5, RFC 6585).
    """
    return status is None or not 400 <= status < 500 or status in {408, 429}
