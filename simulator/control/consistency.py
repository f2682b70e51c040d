"""Eventual consistency: for how long something that was just made is not seen by other calls.

Creating it again is no such call: AWS answers that from the place where it was made.
"""

from collections.abc import Callable


class Consistency:
    """When each thing becomes visible; `delay` is the seconds for what is made from now on, by default none."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._visible_from: dict[str, float] = {}
        self.delay = 0.0

    def made(self, name: str) -> None:
        """Note that something was made; `name` tells it from everything else, as its ARN does."""
        if self.delay:
            self._visible_from[name] = self._monotonic() + self.delay

    def shows(self, name: str) -> bool:
        """Return whether calls see it by now."""
        visible_from = self._visible_from.get(name)
        if visible_from is None:
            return True
        if self._monotonic() < visible_from:
            return False
        del self._visible_from[name]
        return True
