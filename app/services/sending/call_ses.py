"""Step 3a: one call to SES for one claimed mail: render, last look, self-fence, send.

It runs on a thread of its own with no transaction open. Before SES is called every doubt ends in *not called*; once it
is called every doubt ends in *unknown*, which is never repeated blindly (promise 2).
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import structlog

from app.aws.ses import Mailer
from app.domain.mime import UnsafeMessage
from app.domain.outcome import Ambiguous, Envelope, Outcome, Refused, Retry, Throttled
from app.services.envelopes import Letter
from app.services.last_look import LastLook, Refusal
from app.services.links import NoLink
from app.services.results import NotCalled, Result, noted
from app.store.claims import Mine
from app.store.flight import FlightRecorder
from app.store.pace import Pace
from app.store.sealing import Unsealable

log = structlog.get_logger()

_LONGEST_FENCE_S: Final = 10.0
_BRAKE_S: Final = 1.0


class Call:
    """Calls SES for one claimed mail."""

    def __init__(
        self,
        *,
        last_look: LastLook,
        mailer: Mailer,
        pace: Pace,
        recorder: FlightRecorder,
        lease: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recorder = recorder
        self._look = last_look
        self._mailer = mailer
        self._pace = pace
        # A worker that was stopped and wakes up must not call SES under a claim that others may have given up already.
        self._fence_s = min(_LONGEST_FENCE_S, lease.total_seconds() / 6)
        self._monotonic = monotonic

    def __call__(self, mine: Mine, letter: Letter, *, claimed_at: float) -> Result:
        """What became of the call. `claimed_at` is from the same clock as `monotonic`. Nothing here raises."""
        ready = self.prepare(mine, letter)
        if not isinstance(ready, Envelope):
            return ready
        refusal = self._last_look(mine)
        stopped = refusal or self.start(mine, claimed_at=claimed_at)
        if stopped is not None:
            return stopped
        return self.end(mine, self._send(ready))

    def prepare(self, mine: Mine, letter: Letter) -> Envelope | Refused | Retry:
        """The call that is to be made, or why there can be none."""
        try:
            return letter.envelope(mine)
        except Unsealable as error:
            return Refused(f"The body cannot be read: {error}.")
        except UnsafeMessage:
            return Refused("The message as rendered is not safe to send.")
        except NoLink as missing:
            return Retry(str(missing))
        except Exception as error:
            log.exception("render_failed", recipient_id=str(mine.recipient.id))
            return Retry(f"The message could not be rendered ({type(error).__name__}).")

    def look(self, mails: Sequence[Mine]) -> Sequence[Refusal | None]:
        """The last look at mails that are about to be called: why not, each."""
        try:
            return self._look.together(mails)
        except Exception as error:
            log.exception("last_look_failed")
            return [_look_failed(error)] * len(mails)

    def start(self, mine: Mine, *, claimed_at: float) -> NotCalled | None:
        """Note that the call begins now; or why it must not."""
        if self._monotonic() - claimed_at > self._fence_s:
            return NotCalled("The worker was held up for too long after it had claimed the mail.")
        if not self._noted(lambda: self._recorder.start(mine.attempt_id)):
            return NotCalled("The call could not be noted before it was made.")
        return None

    def end(self, mine: Mine, outcome: Outcome) -> Outcome:
        """Note what the call came to."""
        self._noted(lambda: self._recorder.answer(mine.attempt_id, noted(outcome)))
        if isinstance(outcome, Throttled):
            self._pace.brake(_BRAKE_S)
        return outcome

    def _last_look(self, mine: Mine) -> Refusal | None:
        try:
            return self._look(mine)
        except Exception as error:
            log.exception("last_look_failed")
            return _look_failed(error)

    def _noted(self, note: Callable[[], None]) -> bool:
        """Whether the disk had room for it. An answer that it had no room for still goes to the database."""
        try:
            note()
        except OSError:
            log.exception("flight_recorder_failed")
            return False
        return True

    def _send(self, ready: Envelope) -> Outcome:
        try:
            return self._mailer.send(ready)
        except Exception as error:
            log.exception("call_failed")
            return Ambiguous(f"Postern failed during the call ({type(error).__name__}).")


def _look_failed(error: Exception) -> NotCalled:
    return NotCalled(f"Postern failed at the last look before the call ({type(error).__name__}).")
