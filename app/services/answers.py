"""One thread that waits for the answers of many calls: an answer that is there wakes it, and no other thread.

It decides only when a call has waited for too long. What an answer proves, and what follows, is told to whoever made
the call.
"""

import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from app.aws.ses import Pending
from app.domain.outcome import Outcome

log = structlog.get_logger()

_LOOK_UP_EVERY_S: Final = 0.2


@dataclass(slots=True, eq=False)
class _Awaited:
    pending: Pending
    then: Callable[[Outcome], None]
    until: float
    is_over: bool = False


class Answers:
    """Listens for answers. `patience_s` is how long each may take; `aside` does what may take long on another thread.

    It relies on `epoll` or `kqueue`, which take new connections while somebody waits.
    """

    def __init__(
        self,
        *,
        patience_s: float,
        aside: Callable[[Callable[[], None]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_s = patience_s
        self._aside = aside
        self._monotonic = monotonic
        self._selector = selectors.DefaultSelector()
        self._awaited: deque[_Awaited] = deque()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()

    def expect(self, pending: Pending, then: Callable[[Outcome], None]) -> None:
        """Have `then` told what the call proves once that is known, on whatever thread."""
        awaited = _Awaited(pending, then, self._monotonic() + self._patience_s)
        self._awaited.append(awaited)
        self._selector.register(pending, selectors.EVENT_READ, awaited)
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """End. Nothing may be expected any more."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
        self._selector.close()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="answers", daemon=True)
                self._thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            for key, _ in self._selector.select(_LOOK_UP_EVERY_S):
                self._hear(key.data)
            self._give_up_on_the_late()

    def _hear(self, awaited: _Awaited) -> None:
        # First let go of the connection: with its answer read, it may carry another call at once.
        self._selector.unregister(awaited.pending)
        outcome = awaited.pending.look()
        if outcome is None and not awaited.pending.has_begun:
            self._selector.register(awaited.pending, selectors.EVENT_READ, awaited)
            return
        awaited.is_over = True
        if outcome is None:
            self._aside(partial(self._wait, awaited))
        else:
            self._tell(awaited, outcome)

    def _wait(self, awaited: _Awaited) -> None:
        """Only a part of the answer is there, or it is of another kind than nearly all."""
        self._tell(awaited, awaited.pending.wait())

    def _give_up_on_the_late(self) -> None:
        while self._awaited and (self._awaited[0].is_over or self._awaited[0].until <= self._monotonic()):
            awaited = self._awaited.popleft()
            if not awaited.is_over:
                self._selector.unregister(awaited.pending)
                self._tell(awaited, awaited.pending.give_up())

    def _tell(self, awaited: _Awaited, outcome: Outcome) -> None:
        """This thread must not end: all who wait would wait for ever."""
        try:
            awaited.then(outcome)
        except Exception:
            log.exception("work_failed", thread="answers")
