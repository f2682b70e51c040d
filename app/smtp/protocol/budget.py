"""A bounded number of something, of which no owner gets so much that nothing is left for the others. Pure."""

from collections import Counter
from collections.abc import Hashable
from typing import Final

_TIMES_WHAT_IS_LEFT: Final = 4


class Budget:
    """So many units as `limit`, such as octets of messages under way.

    One owner may hold four times as many as are left: alone four fifths of all, and beside others less, so that each
    newcomer finds some (dynamic thresholds, https://doi.org/10.1109/90.664262).
    """

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._held: Counter[Hashable] = Counter()

    @property
    def taken(self) -> int:
        """How many units are held."""
        return self._held.total()

    def take(self, owner: Hashable, units: int) -> bool:
        """Count these. False, and not counted, when they are too many."""
        left = self._left - units
        if left < 0 or self._held[owner] + units > _TIMES_WHAT_IS_LEFT * left:
            return False
        self._left = left
        self._held[owner] += units
        return True

    def give_back(self, owner: Hashable, units: int) -> None:
        """Count them no longer."""
        self._left += units
        self._held[owner] -= units
        if not self._held[owner]:
            del self._held[owner]
