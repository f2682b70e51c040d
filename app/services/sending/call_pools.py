"""Step 3a for many mails at a time: on a thread each, or, where the mailer need not wait, on a few threads for all.

It decides how calls share threads and looks. What one call needs, and what it comes to, is in `app.services.call`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import structlog

from app.aws.ses import EarlyMailer
from app.domain.outcome import Ambiguous, Envelope, Outcome
from app.services.answers import Answers
from app.services.call import Call
from app.services.envelopes import Letter
from app.services.last_look import Refusal
from app.services.results import Result
from app.services.threads import FewThreads, Threads, Work
from app.store.claims import Mine

log = structlog.get_logger()

_THREADS: Final = 16
_AT_WORK: Final = 3
_TOGETHER: Final = 50
LOOK_LASTS_S: Final = 0.01
"""How old the last look of a call may be when it begins, but for the first after it."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One claimed mail to be called about. `done` is told what became of it, once, on whatever thread."""

    mine: Mine
    letter: Letter
    claimed_at: float
    done: Callable[[Result], None]


class Calls(Protocol):
    """Calls SES about many mails."""

    @property
    def call(self) -> Call:
        """What is made for each."""

    def make(self, errands: Sequence[Errand]) -> None:
        """Have all of them done; comes back at once, and never raises for what becomes of one."""

    def close(self) -> None:
        """Wait for what is on the wire and let the threads go."""


class CallsOnThreads:
    """A thread for each call, from the look to the answer: for any mailer."""

    def __init__(self, call: Call, *, threads: int) -> None:
        self.call = call
        self._threads = Threads(threads, name="ses")

    def make(self, errands: Sequence[Errand]) -> None:
        """See `Calls.make`."""
        for errand in errands:
            self._threads.do(partial(_guarded, errand, partial(self._make, errand)))

    def close(self) -> None:
        """See `Calls.close`."""
        self._threads.close()

    def _make(self, errand: Errand) -> None:
        errand.done(self.call(errand.mine, errand.letter, claimed_at=errand.claimed_at))


class EarlyCalls:
    """A few threads begin all calls, some with one look, and one thread waits for all answers.

    It saves most of what it costs to wake a thread for each mail three times. Who has to wait for the network gives way
    to another thread.
    """

    def __init__(
        self,
        call: Call,
        mailer: EarlyMailer,
        *,
        threads: int,
        patience_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.call = call
        self._mailer = mailer
        self._monotonic = monotonic
        self._threads = FewThreads(min(threads, _THREADS), at_work=_AT_WORK, name="ses")
        self._answers = Answers(patience_s=patience_s, aside=self._aside)

    def make(self, errands: Sequence[Errand]) -> None:
        """See `Calls.make`."""
        for start in range(0, len(errands), _TOGETHER):
            self._threads.do(partial(self._begin_some, errands[start : start + _TOGETHER]))

    def close(self) -> None:
        """See `Calls.close`."""
        self._threads.close()
        self._answers.close()

    def _aside(self, waits: Work) -> None:
        self._threads.do(partial(self._give_way_and, waits))

    def _give_way_and(self, wait: Work) -> None:
        self._threads.give_way()
        wait()

    def _begin_some(self, errands: Sequence[Errand]) -> None:
        ready = [(errand, envelope) for errand in errands if (envelope := self._prepared(errand)) is not None]
        while ready:
            ready = ready[self._begin_while_fresh(ready) :]

    def _begin_while_fresh(self, ready: Sequence[tuple[Errand, Envelope]]) -> int:
        """Look at all of them, and begin calls until what was seen may be over; how many were begun, at least one."""
        looked_at = self._monotonic()
        refusals = self.call.look([errand.mine for errand, _ in ready])
        for number, ((errand, envelope), refusal) in enumerate(zip(ready, refusals, strict=True)):
            if number and self._monotonic() - looked_at > LOOK_LASTS_S:
                return number
            _guarded(errand, partial(self._begin, errand, envelope, refusal))
        return len(ready)

    def _prepared(self, errand: Errand) -> Envelope | None:
        prepared = self.call.prepare(errand.mine, errand.letter)
        if isinstance(prepared, Envelope):
            return prepared
        errand.done(prepared)
        return None

    def _begin(self, errand: Errand, envelope: Envelope, refusal: Refusal | None) -> None:
        stopped = refusal or self.call.start(errand.mine, claimed_at=errand.claimed_at)
        if stopped is not None:
            errand.done(stopped)
            return
        begun = self._mailer.begin(envelope, before_waiting=self._threads.give_way)
        if isinstance(begun, Outcome):
            self._end(errand, begun)
        else:
            self._answers.expect(begun, partial(self._end, errand))

    def _end(self, errand: Errand, outcome: Outcome) -> None:
        _guarded(errand, lambda: errand.done(self.call.end(errand.mine, outcome)))


def _guarded(errand: Errand, work: Callable[[], None]) -> None:
    """One that breaks may have sent the mail, and must not keep the drain waiting."""
    try:
        work()
    except Exception as error:
        log.exception("call_failed")
        errand.done(Ambiguous(f"Postern failed around the call ({type(error).__name__})."))
