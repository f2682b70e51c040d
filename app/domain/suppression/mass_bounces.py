"""When so many addresses of one domain bounce at once that their server is the likelier culprit than each of them.

A pure function of what happened and when: the order in which it was heard of decides nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class HardBounce:
    """A mail that bounced for good: when, and whose address it was."""

    at: datetime
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What counts as a burst: so many distinct addresses within so long. A `limit` of 0 is never reached."""

    limit: int
    window: timedelta


def minute_of(moment: datetime) -> int:
    """The minute of an instant, counted since 1970."""
    return int(moment.timestamp() // 60)


def in_bursts(bounces: Sequence[HardBounce], others: Mapping[int, int], breaker: Breaker) -> frozenset[str]:
    """The addresses of one domain that bounced in a burst.

    `others` counts the domain's mails with another outcome, by minute. A burst is a window with as many distinct
    addresses as the limit, in which more mails bounced than had another outcome: so a few dead addresses among much
    delivered mail are none.
    """
    if not breaker.limit:
        return frozenset()
    told = sorted(set(bounces))
    inside: Counter[str] = Counter()
    found: set[str] = set()
    first, marked = 0, 0
    for last, bounce in enumerate(told):
        inside[bounce.key] += 1
        while told[first].at < bounce.at - breaker.window:
            inside.subtract([told[first].key])
            if not inside[told[first].key]:
                del inside[told[first].key]
            first += 1
        if last + 1 < len(told) and told[last + 1].at == bounce.at:
            continue
        if len(inside) >= breaker.limit and last - first + 1 > _others_in(others, told[first].at, bounce.at):
            found |= {one.key for one in told[max(first, marked) : last + 1]}
            marked = last + 1
    return frozenset(found)


def _others_in(others: Mapping[int, int], since: datetime, until: datetime) -> int:
    return sum(others.get(minute, 0) for minute in range(minute_of(since), minute_of(until) + 1))
