"""Threads that work is handed to and nothing is waited for: what comes of it, the work itself puts where it belongs.

An executor makes a future with a lock for each piece of work, which costs a worker more than some of its mails do.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import structlog

log = structlog.get_logger()

Work = Callable[[], None]


class Threads:
    """So many threads, which begin with the first piece of work: after the process was forked."""

    def __init__(self, count: int, *, name: str) -> None:
        self._count = count
        self._name = name
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def do(self, work: Work) -> None:
        """Have it done, in its turn. Nobody may call this while the first piece of work is being handed over."""
        while len(self._threads) < self._count:
            number = len(self._threads)
            self._threads.append(threading.Thread(target=self._run, name=f"{self._name}_{number}", daemon=True))
            self._threads[-1].start()
        self._work.put(work)

    def close(self) -> None:
        """Wait until all work is done and the threads have ended."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("work_failed", thread=self._name)
