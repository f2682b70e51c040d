"""Step 3a for many emails: on a thread each, or, if the mailer need not block, on a few threads for all.

This module decides how calls share threads and last looks. What one call needs, and what its outcome is, is decided in
`app.services.sending.call_ses`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Final, Protocol

import structlog

from app import tracing
from app.aws.ses.mailer import EarlyMailer
from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome
from app.services.sending.call_results import Report, Result
from app.services.sending.call_ses import Call
from app.services.sending.last_look import Refusal
from app.services.sending.render import SealedEmail
from app.services.sending.response_loop import ResponseLoop
from app.services.sending.thread_pools import FewThreads, Threads, Work
from app.store.sending.claims import OpenAttempt
from app.tracing import Span

log = structlog.get_logger()

_THREADS: Final = 16
_AT_WORK: Final = 3
_TOGETHER: Final = 50
LOOK_LASTS_S: Final = 0.01
"""How old the last look of a call may be when the call begins. The first call after a look is exempt."""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One claimed email to call SES for. `reports` gets one report, on any thread."""

    attempt: OpenAttempt
    sealed_email: SealedEmail
    claimed_at: float
    reports: SimpleQueue[Report]

    def done(self, result: Result) -> None:
        """Report the result, and log it under the id of the request that brought the email.

        Most emails are accepted, which their timelines say too, so those lines are left to the level DEBUG.
        """
        say = log.debug if isinstance(result, Accepted) else log.info
        say(
            "call_ended",
            request_id=self.sealed_email.request_id,
            email_id=self.attempt.recipient.email_id,
            recipient_id=self.attempt.recipient.id,
            attempt_id=self.attempt.attempt_id,
            result=type(result).__name__,
        )
        self.reports.put(Report(attempt=self.attempt, result=result))


class Calls(Protocol):
    """Calls SES for many emails."""

    @property
    def call(self) -> Call:
        """The call that is made for each order."""

    def make(self, orders: Sequence[CallOrder]) -> None:
        """Start all calls and return at once. A call that fails raises nothing here."""

    def close(self) -> None:
        """Wait for the calls on the wire, then end the threads."""


class CallsOnThreads:
    """One thread for each call, from the last look to the answer. It works with any mailer."""

    def __init__(self, call: Call, *, threads: int) -> None:
        self.call = call
        self._threads = Threads(threads, name="ses")

    def make(self, orders: Sequence[CallOrder]) -> None:
        """See `Calls.make`."""
        for order in orders:
            self._threads.do(partial(_guarded, order, partial(self._make, order)))

    def close(self) -> None:
        """See `Calls.close`."""
        self._threads.close()

    def _make(self, order: CallOrder) -> None:
        order.done(self.call(order.attempt, order.sealed_email, claimed_at=order.claimed_at))


class EarlyCalls:
    """A few threads begin all calls, several with one last look, and one thread waits for all answers.

    This saves most of the cost of waking a thread three times for each email. A thread that has to wait for the network
    gives way to another one.
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
        self._answers = ResponseLoop(patience_s=patience_s, aside=self._aside)

    def make(self, orders: Sequence[CallOrder]) -> None:
        """See `Calls.make`."""
        for start in range(0, len(orders), _TOGETHER):
            self._threads.do(partial(self._begin_some, orders[start : start + _TOGETHER]))

    def close(self) -> None:
        """See `Calls.close`."""
        self._threads.close()
        self._answers.close()

    def _aside(self, waits: Work) -> None:
        self._threads.do(partial(self._give_way_and, waits))

    def _give_way_and(self, wait: Work) -> None:
        self._threads.give_way()
        wait()

    def _begin_some(self, orders: Sequence[CallOrder]) -> None:
        ready = [(order, envelope) for order in orders if (envelope := self._prepared(order)) is not None]
        while ready:
            ready = ready[self._begin_while_fresh(ready) :]

    def _begin_while_fresh(self, ready: Sequence[tuple[CallOrder, Envelope]]) -> int:
        """Look at all, and begin calls while the look is fresh. How many were begun, at least one."""
        looked_at = self._monotonic()
        refusals = self.call.look([order.attempt for order, _ in ready])
        for number, ((order, envelope), refusal) in enumerate(zip(ready, refusals, strict=True)):
            if number and self._monotonic() - looked_at > LOOK_LASTS_S:
                return number
            _guarded(order, partial(self._begin, order, envelope, refusal))
        return len(ready)

    def _prepared(self, order: CallOrder) -> Envelope | None:
        prepared = self.call.prepare(order.attempt, order.sealed_email)
        if isinstance(prepared, Envelope):
            return prepared
        order.done(prepared)
        return None

    def _begin(self, order: CallOrder, envelope: Envelope, refusal: Refusal | None) -> None:
        stopped = refusal or self.call.start(order.attempt, claimed_at=order.claimed_at)
        if stopped is not None:
            order.done(stopped)
            return
        span, began = tracing.span("call", order.sealed_email.request_id), self.call.parts.monotonic()
        begun = self._mailer.begin(envelope, before_waiting=self._threads.give_way)
        if isinstance(begun, Outcome):
            self._end(order, span, began, begun)
        else:
            self._answers.expect(begun, partial(self._end, order, span, began))

    def _end(self, order: CallOrder, span: Span, began: float, outcome: Outcome) -> None:
        span.note(attempt_id=order.attempt.attempt_id, result=type(outcome).__name__)
        span.end()
        _guarded(order, lambda: order.done(self.call.end(order.attempt, order.sealed_email, outcome, began=began)))


def _guarded(order: CallOrder, work: Callable[[], None]) -> None:
    """Report a failure as ambiguous: the email may have been sent, and the drain must not wait for it."""
    try:
        work()
    except Exception as error:
        log.exception("call_failed")
        order.done(Ambiguous(f"Postern failed around the call ({type(error).__name__})."))
