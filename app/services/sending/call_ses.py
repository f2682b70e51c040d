"""Step 3a: one call to SES for one claimed email: render, last look, self-fence, send.

It runs on its own thread with no transaction open. Before SES is called, every doubt ends as *not called*. Once SES is
called, every doubt ends as *unknown*, which is never repeated blindly (promise 2).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from app import tracing
from app.aws.ses.mailer import Mailer
from app.domain.operating.histograms import ACCEPTED_CALLED, SES_ANSWER
from app.domain.sending.call_outcome import Accepted, Ambiguous, Envelope, Outcome, Retry, Throttled, Tripped
from app.domain.sending.trying import message_id_of
from app.services.sending.call_results import NotCalled, Result, noted
from app.services.sending.last_look import LastLook, Refusal
from app.services.sending.render import SealedEmail
from app.services.suppression.unsubscribe_links import NoLink
from app.services.timings import Timings
from app.store.sending.claims import OpenAttempt
from app.store.sending.flight_recorder import FlightRecorder
from app.store.sending.send_rate import Pace
from app.store.submission.sealing import UnknownSealingKey, Unsealable

log = structlog.get_logger()

_LONGEST_FENCE_S: Final = 10.0
_BRAKE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParts:
    """What a call works with. `monotonic` counts seconds and never goes back."""

    last_look: LastLook
    mailer: Mailer
    pace: Pace
    recorder: FlightRecorder
    lease: timedelta
    timings: Timings
    monotonic: Callable[[], float] = time.monotonic

    @property
    def fence_s(self) -> float:
        """How long after its claim a call may begin.

        A worker that was stopped and wakes up must not call SES under a claim that other processes may have given up
        already.
        """
        return min(_LONGEST_FENCE_S, self.lease.total_seconds() / 6)


class Call:
    """Calls SES for one claimed email. Each call works with the `parts` that are set when it begins."""

    def __init__(self, parts: CallParts) -> None:
        self.parts = parts

    def __call__(self, attempt: OpenAttempt, sealed_email: SealedEmail, *, claimed_at: float) -> Result:
        """The result of the call. `claimed_at` is from the clock `parts.monotonic`. Never raises."""
        ready = self.prepare(attempt, sealed_email)
        if not isinstance(ready, Envelope):
            return ready
        refusal = self._last_look(attempt)
        stopped = refusal or self.start(attempt, claimed_at=claimed_at)
        if stopped is not None:
            return stopped
        began = self.parts.monotonic()
        with tracing.span("call", sealed_email.request_id) as span:
            outcome = self._send(ready)
            span.note(attempt_id=attempt.attempt_id, result=type(outcome).__name__)
        return self.end(attempt, sealed_email, outcome, began=began)

    def prepare(self, attempt: OpenAttempt, sealed_email: SealedEmail) -> Envelope | Retry | Tripped:
        """The envelope to send, or why there can be none. None of the reasons is the fault of the email.

        A missing setting opens a circuit for all email that it concerns. A fault of this email alone is retried a few
        times.
        """
        try:
            return sealed_email.envelope(attempt)
        except UnknownSealingKey as error:
            return Tripped("keys", f"The body cannot be read here: {error}.")
        except NoLink as missing:
            return Tripped(f"stream:{attempt.recipient.scope}", str(missing))
        except Unsealable as error:
            return Retry(f"The body cannot be read: {error}.", incident="body_unreadable", subject=str(error))
        except Exception as error:
            log.exception("render_failed", recipient_id=str(attempt.recipient.id))
            kind = type(error).__name__
            return Retry(f"The message could not be rendered ({kind}).", incident="render_failed", subject=kind)

    def look(self, emails: Sequence[OpenAttempt]) -> Sequence[Refusal | None]:
        """The last look at emails that are about to be sent: for each, why it must not be, or None."""
        try:
            return self.parts.last_look.together(emails)
        except Exception as error:
            log.exception("last_look_failed")
            return [_look_failed(error)] * len(emails)

    def start(self, attempt: OpenAttempt, *, claimed_at: float) -> NotCalled | Outcome | None:
        """Note that the call begins now. None: SES is to be called; else the result, for which it is not.

        That is why the call must not begin, or of a test email the answer that SES would have given.
        """
        if self.parts.monotonic() - claimed_at > self.parts.fence_s:
            return NotCalled("The worker was held up for too long after it had claimed the email.")
        if not self._noted(lambda: self.parts.recorder.start(attempt.attempt_id)):
            return NotCalled("The call could not be noted before it began.")
        if not attempt.recipient.is_test:
            return None
        return self._answered(attempt, Accepted(message_id_of(attempt.attempt_id)))

    def end(self, attempt: OpenAttempt, sealed_email: SealedEmail, outcome: Outcome, *, began: float) -> Outcome:
        """Note the outcome of the call, and how long it took since `began`, a time of `parts.monotonic`."""
        timings = self.parts.timings
        timings.observe(SES_ANSWER, self.parts.monotonic() - began)
        if isinstance(outcome, Accepted):
            claimed_at, lane = attempt.recipient.updated_at, attempt.recipient.lane
            timings.observe(ACCEPTED_CALLED, (claimed_at - sealed_email.waits_since).total_seconds(), lane)
        return self._answered(attempt, outcome)

    def _answered(self, attempt: OpenAttempt, outcome: Outcome) -> Outcome:
        self._noted(lambda: self.parts.recorder.answer(attempt.attempt_id, noted(outcome)))
        if isinstance(outcome, Throttled):
            self.parts.pace.brake(_BRAKE_S)
        return outcome

    def _last_look(self, attempt: OpenAttempt) -> Refusal | None:
        try:
            return self.parts.last_look(attempt)
        except Exception as error:
            log.exception("last_look_failed")
            return _look_failed(error)

    def _noted(self, note: Callable[[], None]) -> bool:
        """Whether the note was written. If the disk is full, an answer still goes to the database."""
        try:
            note()
        except OSError:
            log.exception("flight_recorder_failed")
            return False
        return True

    def _send(self, ready: Envelope) -> Outcome:
        try:
            return self.parts.mailer.send(ready)
        except Exception as error:
            log.exception("call_failed")
            return Ambiguous(f"Postern failed during the call ({type(error).__name__}).")


def _look_failed(error: Exception) -> NotCalled:
    return NotCalled(f"Postern failed at the last look before the call ({type(error).__name__}).")
