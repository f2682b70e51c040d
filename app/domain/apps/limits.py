"""How many recipients may be accepted of an application in a second and in a day. It has no clock of its own.

A second begins with the first email after the last second is over, so that no burst falls into two of them. A day is
one of UTC. Each recipient counts, and a request is accepted whole or not at all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.errors import Allowance, RateLimitExceeded

MOST: Final = 1_000_000_000
"""The highest limit: it fits the 32 bits of its column."""

_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most recipients in a second and in a day; None is no limit."""

    per_second: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A second or a day: its beginning, and the recipients that were accepted in it."""

    began: datetime
    accepted: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The last second and the last day of an application in which email was accepted."""

    second: Window
    day: Window


UNUSED: Final = Usage(*[Window(datetime(1970, 1, 1, tzinfo=UTC), 0)] * 2)
"""That of an application of which no email was counted yet."""


@dataclass(frozen=True, slots=True)
class _Exceeded:
    """A limit that does not allow a request; its window begins anew after `wait`."""

    limit: int
    window: Window
    unit: str
    wait: timedelta


def spend(usage: Usage, limits: Limits, recipients: int, *, now: datetime) -> Usage:
    """The usage once these recipients are accepted. Raises `RateLimitExceeded` where a limit does not allow them.

    A `now` from before a window counts in it: it is of a transaction that has waited for a later one.
    """
    second = _current(usage.second, now, lasts=_SECOND, begins=now)
    day = _current(usage.day, now, lasts=_DAY, begins=now.replace(hour=0, minute=0, second=0, microsecond=0))
    exceeded = [
        _Exceeded(limit, window, unit, window.began + lasts - now)
        for limit, window, unit, lasts in (
            (limits.per_day, day, "day", _DAY),
            (limits.per_second, second, "second", _SECOND),
        )
        if limit is not None and window.accepted + recipients > limit
    ]
    if exceeded:
        raise _refusal(exceeded, recipients)
    return Usage(
        Window(second.began, second.accepted + recipients),
        Window(day.began, day.accepted + recipients),
    )


def accepted_today(usage: Usage, now: datetime) -> int:
    """How many recipients were accepted in this day of UTC."""
    return _current(usage.day, now, lasts=_DAY, begins=now).accepted


def _current(window: Window, now: datetime, *, lasts: timedelta, begins: datetime) -> Window:
    return window if now < window.began + lasts else Window(begins, 0)


def _refusal(exceeded: Sequence[_Exceeded], recipients: int) -> RateLimitExceeded:
    """The refusal by the limit that no wait helps, if there is one, else by that with the longest wait."""
    never = [one for one in exceeded if recipients > one.limit]
    one = (never or exceeded)[0]
    reset_s = max(1, math.ceil(one.wait.total_seconds()))
    left = max(0, one.limit - one.window.accepted)
    rule = f"The application's limit of recipients a {one.unit} is {one.limit}, with {left} left."
    request = f"This request has {recipients}{': split it' if never else ''}."
    return RateLimitExceeded(
        f"{rule} {request}",
        retry_after=None if never else reset_s,
        allowance=Allowance(one.limit, left, reset_s),
    )
