"""Threads for calls side by side, shared by all turns of a process.

A turn takes those that are free, and calls by itself where none is: endpoints that stop answering while they hold
threads must not keep the events of others waiting.
"""

import threading
from collections.abc import Callable

from app.services.sending.thread_pools import Threads


class Lanes:
    """A number of threads that turns take and give back."""

    def __init__(self, count: int) -> None:
        self._threads = Threads(count, name="webhook_call")
        self._free = threading.Semaphore(count)

    def start(self) -> None:
        """Start the threads, unless they have started. Must not be called by two threads at once."""
        self._threads.start()

    def take(self, most: int) -> int:
        """Take up to `most` free threads; return how many. Each is free again after the work that it is given."""
        taken = 0
        while taken < most and self._free.acquire(blocking=False):
            taken += 1
        return taken

    def do(self, work: Callable[[], None]) -> None:
        """Give work to a thread that was taken."""
        self._threads.do(lambda: self._run(work))

    def give_back(self, count: int) -> None:
        """Give back threads that were taken and got no work."""
        if count:
            self._free.release(count)

    def close(self, *, within_s: float) -> None:
        """Wait until all work is done and the threads have ended, at most for so long."""
        self._threads.close(within_s=within_s)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._free.release()
