"""One thread that waits for the answers of many calls; an answer that arrives wakes no other thread.

The only decision made here is when a call has waited too long. The caller gets the outcome and decides what follows.
"""

import selectors
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from app.aws.ses.mailer import Pending
from app.domain.sending.call_outcome import Outcome

log = structlog.get_logger()

_LOOK_UP_EVERY_S: Final = 0.2


@dataclass(slots=True, eq=False)
class _Awaited:
    pending: Pending
    then: Callable[[Outcome], None]
    until: float


class ResponseLoop:
    """Listens for answers. Each may take `patience_s`; `aside` runs slow work on another thread.

    It relies on `epoll` or `kqueue`, which accept new connections during a wait.
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
        # In the order of their deadlines. An answered call leaves at once: one that hangs must not keep the objects of
        # others alive.
        self._awaited: OrderedDict[_Awaited, None] = OrderedDict()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()

    def expect(self, pending: Pending, then: Callable[[Outcome], None]) -> None:
        """Call `then` with the outcome once it is known, on any thread."""
        awaited = _Awaited(pending, then, self._monotonic() + self._patience_s)
        with self._lock:
            # What may fail comes first: if it does, the caller decides what that means, and `then` is not called as
            # well.
            self._selector.register(pending, selectors.EVENT_READ, awaited)
            self._awaited[awaited] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="answers", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread. `expect` must not be called any more."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
        self._selector.close()

    def _listen(self) -> None:
        while not self._ends.is_set():
            for key, _ in self._selector.select(_LOOK_UP_EVERY_S):
                self._safely(partial(self._hear, key.data))
            self._safely(self._give_up_on_the_late)

    def _hear(self, awaited: _Awaited) -> None:
        # Release the connection first: once its answer is read, it may carry another call at once.
        self._selector.unregister(awaited.pending)
        outcome = awaited.pending.look()
        if outcome is None and not awaited.pending.has_begun:
            self._selector.register(awaited.pending, selectors.EVENT_READ, awaited)
            return
        with self._lock:
            del self._awaited[awaited]
        if outcome is None:
            self._aside(partial(self._wait, awaited))
        else:
            awaited.then(outcome)

    def _wait(self, awaited: _Awaited) -> None:
        """Wait for the rest: only a part of the answer has arrived, or it is of a rare kind."""
        awaited.then(awaited.pending.wait())

    def _give_up_on_the_late(self) -> None:
        while (awaited := self._late()) is not None:
            with suppress(KeyError):
                self._selector.unregister(awaited.pending)
            awaited.then(awaited.pending.give_up())

    def _late(self) -> _Awaited | None:
        with self._lock:
            first = next(iter(self._awaited), None)
            if first is None or first.until > self._monotonic():
                return None
            del self._awaited[first]
            return first

    def _safely(self, work: Callable[[], None]) -> None:
        """Log any failure: if this thread ended, all waiting calls would wait forever."""
        try:
            work()
        except Exception:
            log.exception("work_failed", thread="answers")
