"""Which signing certificates without a history may be fetched: a few a minute, and often-named ones before the rest.

Anyone can post names of certificates that do not exist, so fast that no bound on fetches would let the right one
through by chance. But each invented name costs its sender a notification, while AWS names the same one again and again.
So names are counted. Names that came once have a budget, names that came two or three times have another, those that
came four to seven times another, and so on. To use up the budget of the names that came a thousand times takes ten
thousand forged notifications a minute. It fetches nothing and knows no certificate.
"""

from collections import OrderedDict, defaultdict, deque
from datetime import datetime, timedelta
from typing import Final

PERIOD: Final = timedelta(minutes=1)
FETCHES: Final = 10
"""First fetches within `PERIOD`, for each doubling of the number of times that a name came."""

_NAMES: Final = 4096
_MOST_DOUBLINGS: Final = 10


class FetchBudget:
    """Counts names and fetches. Not thread-safe."""

    def __init__(self) -> None:
        self._came: OrderedDict[str, int] = OrderedDict()
        self._spent: defaultdict[int, deque[datetime]] = defaultdict(deque)

    def admits(self, name: str, now: datetime) -> bool:
        """Count `name` once more, and return whether it may be fetched now; if so, its count starts again."""
        came = self._came.pop(name, 0) + 1
        recent = self._spent[min(came.bit_length() - 1, _MOST_DOUBLINGS)]
        while recent and not within(PERIOD, recent[0], now):
            recent.popleft()
        if len(recent) < FETCHES:
            recent.append(now)
            return True
        self._came[name] = came
        if len(self._came) > _NAMES:
            self._came.popitem(last=False)
        return False


def within(span: timedelta, since: datetime, now: datetime) -> bool:
    """Whether less than `span` has passed; no if the clock was set back."""
    return timedelta(0) <= now - since < span
