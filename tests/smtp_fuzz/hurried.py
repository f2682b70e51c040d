"""A loop of events in which no one waits: when nothing is ready, its clock goes on to what comes next."""

import asyncio
import selectors
from collections.abc import Callable
from typing import TypeVar

from app.smtp.threads import Threads

T = TypeVar("T")


class _Never(selectors.SelectSelector):
    """No socket is ever ready. It counts the seconds that the loop would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing, at once."""
        assert timeout is not None, "nothing is left to wait for"
        self.waited_s += max(timeout, 0.0)
        return []


class HurriedLoop(asyncio.SelectorEventLoop):
    """Its time is the sum of what it would have waited, so that each run of a seed is the same."""

    def __init__(self) -> None:
        self._selected = _Never()
        super().__init__(self._selected)

    def time(self) -> float:
        """The seconds that it would have waited."""
        return self._selected.waited_s


class NoThreads(Threads):
    """Does the work at once, on the thread of the loop."""

    async def run(self, call: Callable[[], T], **_: object) -> T:
        """The result of the call."""
        return call()
