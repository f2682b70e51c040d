"""Bursts: so many addresses of one domain bounce at once that the server is a likelier cause than each mailbox.

A pure function of the bounces and their times; the order in which they are reported decides nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class HardBounce:
    """An email that bounced for good: when, and the suppression key of its recipient."""

    at: datetime
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstLimit:
    """What counts as a burst: `limit` distinct addresses within `window`. A `limit` of 0 finds no bursts."""

    limit: int
    window: timedelta


def minute_of(moment: datetime) -> int:
    """The minute of an instant, counted since 1970."""
    return int(moment.timestamp() // 60)


def in_bursts(bounces: Sequence[HardBounce], others: Mapping[int, int], burst_limit: BurstLimit) -> frozenset[str]:
    """The addresses of one domain that bounced in a burst.

    `others` counts the domain's emails with another outcome, by minute. A burst is a window with as many distinct
    addresses as the limit, in which more emails bounced than had another outcome. So a few dead addresses among many
    deliveries are no burst.
    """
    if not burst_limit.limit:
        return frozenset()
    in_order = sorted(set(bounces))
    inside: Counter[str] = Counter()
    found: set[str] = set()
    first, marked = 0, 0
    for last, bounce in enumerate(in_order):
        inside[bounce.key] += 1
        while in_order[first].at < bounce.at - burst_limit.window:
            inside.subtract([in_order[first].key])
            if not inside[in_order[first].key]:
                del inside[in_order[first].key]
            first += 1
        if last + 1 < len(in_order) and in_order[last + 1].at == bounce.at:
            continue
        if len(inside) >= burst_limit.limit and last - first + 1 > _others_in(others, in_order[first].at, bounce.at):
            found |= {one.key for one in in_order[max(first, marked) : last + 1]}
            marked = last + 1
    return frozenset(found)


def _others_in(others: Mapping[int, int], since: datetime, until: datetime) -> int:
    return sum(others.get(minute, 0) for minute in range(minute_of(since), minute_of(until) + 1))
