"""Threads that run work without giving a result back; the work itself hands on what it finds.

An executor makes a future with a lock for each piece of work. That costs a worker more than some of its emails do.
"""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import structlog

log = structlog.get_logger()

Work = Callable[[], None]


class Threads:
    """A fixed number of threads. They start with the first piece of work, which is after the process was forked."""

    def __init__(self, count: int, *, name: str) -> None:
        self._count = count
        self._name = name
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, unless they have started. Must not be called by two threads at once."""
        while len(self._threads) < self._count:
            number = len(self._threads)
            self._threads.append(threading.Thread(target=self._run, name=f"{self._name}_{number}", daemon=True))
            self._threads[-1].start()

    def do(self, work: Work) -> None:
        """Queue the work. Must not be called while another thread hands over the first piece of work."""
        self.start()
        self._work.put(work)

    def close(self, *, within_s: float | None = None) -> None:
        """Wait until all work is done and the threads have ended; at most `within_s` for all of them."""
        for _ in self._threads:
            self._work.put(None)
        ends = None if within_s is None else time.monotonic() + within_s
        for thread in self._threads:
            thread.join(None if ends is None else max(0.0, ends - time.monotonic()))

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:
                log.exception("work_failed", thread=self._name)

    def _next(self) -> Work | None:
        return self._work.get()


class _Own(threading.local):
    has_place = False


class FewThreads(Threads):
    """Threads of which `at_work` run at a time; more run only while some of these wait.

    There is one interpreter lock. Threads that all want it take it from each other, each for a moment only.
    """

    def __init__(self, count: int, *, at_work: int, name: str) -> None:
        super().__init__(count, name=name)
        self._places = threading.Semaphore(at_work)
        self._own = _Own()

    def give_way(self) -> None:
        """Let another thread begin work, since this one is about to wait. Its own work continues."""
        if self._own.has_place:
            self._own.has_place = False
            self._places.release()

    def _run(self) -> None:
        super()._run()
        self.give_way()

    def _next(self) -> Work | None:
        if not self._own.has_place:
            self._places.acquire()
            self._own.has_place = True
        return super()._next()
