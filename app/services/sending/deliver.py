"""Step 3: send due email. Pace, claim with the gate in it, call SES, record.

The unit of work is a batch: emails are claimed with one statement, called on threads and recorded with one transaction,
while the next batch is already being claimed. This module decides how much is in flight and when a drain ends. What one
call does is in `app.services.sending.call_ses`, and how calls share threads in `app.services.sending.call_pools`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import tracing
from app.domain.errors import ServiceUnavailable
from app.domain.sending.trying import TEST_LANE
from app.queue import Bell, Bells, Lane, deliver_bell
from app.services.sending.call_pools import CallOrder, Calls
from app.services.sending.call_results import NotCalled, Report
from app.services.sending.claim_order import claim_in_turn
from app.services.sending.record import Record, record_isolated
from app.services.sending.render import SealedEmail
from app.services.suppression.unsubscribe_links import Links
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.sending import drafts
from app.store.sending.claims import Claim, Wanted
from app.store.sending.flight_recorder import FlightRecorder
from app.store.sending.send_rate import Grant, Pace
from app.store.submission.sealing import KeyRing

log = structlog.get_logger()

_DRAIN_S: Final = 5.0
_GOES_ON_S: Final = 1.0
_RECORD_EVERY_S: Final = 0.02
_RECORD_EVERY_S_WHEN_BUSY: Final = 0.06
_RECORD_AT_MOST: Final = 100
_KEEP_TRYING_TO_RECORD_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one worker process takes on: calls at a time, emails per claim, and the length of a lease."""

    threads: int
    batch: int
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one drain did: reports recorded, emails the claim suppressed, and whether due email may be left."""

    reported: int = 0
    suppressed: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainParts:
    """What a drain works with. `rate` is the send rate of the account, in emails per second."""

    database: Database
    key_ring: KeyRing
    links: Links
    calls: Calls
    record: Record
    recorder: FlightRecorder
    pace: Pace
    rate: Callable[[], float]
    bells: Bells
    limits: Limits
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Deliver:
    """Drains lanes. One per process. Each drain works with the `parts` that are set when it begins."""

    def __init__(self, parts: DrainParts) -> None:
        self.parts = parts
        self._stopping = threading.Event()

    def drain(self, lane: str) -> Drained:
        """Send due email of the lane until none is left or a few seconds have passed. Ring if any is left.

        `bulk` never holds up `transactional`: a drain of `bulk` first claims what is due in `transactional`. Raises
        `ValueError` for what is no lane.
        """
        bell = deliver_bell(lane)
        drain = _Drain(self.parts, lane, bell, self._stopping)
        drained = drain.run()
        if drain.all_known:
            self.parts.recorder.forget()
        if drained.more:
            self.parts.bells.ring(bell)
        if drained.reported or drained.suppressed:
            log.info("drained", lane=lane, reported=drained.reported, suppressed=drained.suppressed, more=drained.more)
        return drained

    def stop(self) -> None:
        """Claim nothing more. Claimed email is finished."""
        self._stopping.set()

    def close(self) -> None:
        """Wait for the calls on the wire, then end the threads."""
        self.stop()
        self.parts.calls.close()
        self.parts.recorder.close()


class _Drain:
    """One drain: what is in flight, what has come back, and when to stop claiming."""

    def __init__(self, parts: DrainParts, lane: str, bell: Bell, stopping: threading.Event) -> None:
        self._parts = parts
        self._bell = bell
        self._unanswered: str | None = parts.bells.answering(bell)
        self._others_called = False
        self._lanes = (Lane.TRANSACTIONAL, Lane.BULK) if lane == Lane.BULK else (lane,)
        self._calls_ses = lane != TEST_LANE
        self._stopping = stopping
        self._reports: SimpleQueue[Report] = SimpleQueue()
        self._in_flight = 0
        self._drained = Drained()
        self.all_known = True

    def run(self) -> Drained:
        """Drain the lane.

        A claim whose commit is unknown, or reports that could not be recorded, are left to crash recovery: once no call
        is on the wire, it reads them from the notes.
        """
        try:
            return self._run()
        except Exception:
            self.all_known = False
            raise
        finally:
            if self._unanswered is not None:
                self._parts.bells.answered(self._bell)
            if not self.all_known:
                self._wait_for_calls()
                self._parts.recorder.hand_over()

    def _run(self) -> Drained:
        began = self._parts.monotonic()
        claiming = True
        while claiming or self._in_flight:
            if claiming and self._is_over(began, _DRAIN_S):
                claiming, self._drained = False, replace(self._drained, more=True)
            if claiming and self._in_flight < self._parts.limits.threads:
                claiming = self._top_up()
            self._collect()
            claiming = claiming or self._goes_on(began)
        return self._drained

    def _is_over(self, began: float, lasts_s: float) -> bool:
        return self._stopping.is_set() or self._parts.monotonic() - began >= lasts_s

    def _goes_on(self, began: float) -> bool:
        """Whether email has arrived while calls are on the wire, which would otherwise wait for those calls to end.

        The bell is left to the next drain, so that no other bell rings until then. This lasts only a second: the
        process has other tasks.
        """
        if not self._in_flight or not self.all_known or self._is_over(began, _GOES_ON_S):
            return False
        return self._parts.bells.any_rung(map(deliver_bell, self._lanes))

    def _top_up(self) -> bool:
        """Claim as much as threads and send rate allow. False when nothing more can be claimed."""
        parts = self._parts
        room = min(parts.limits.batch, 2 * parts.limits.threads - self._in_flight)
        try:
            grant = self._grant(room)
            if grant.count == 0:
                self._wait(grant.wait_s)
                return True
            claim, orders = self._claim(grant.count)
        except (ServiceUnavailable, OSError) as error:
            # What is in flight still has to be recorded, so the drain ends in order. The sweepers ring again.
            log.warning("claim_failed", reason=str(error))
            self.all_known = False
            return False
        self._drained = replace(self._drained, suppressed=self._drained.suppressed + len(claim.suppressed))
        if claim.size >= room:
            self._let_others_join()
        self._in_flight += len(orders)
        parts.calls.make(orders)
        if self._calls_ses:
            parts.pace.give_back(grant.count - len(claim.emails))
        return not claim.dry

    def _grant(self, room: int) -> Grant:
        """How many may be claimed: as many as the send rate allows, of test email as many as there is room for.

        With the first grant the bell is answered, before anything is claimed.
        """
        if self._calls_ses:
            grant = self._parts.pace.reserve(room, rate=self._parts.rate(), clears=self._unanswered)
        else:
            self._parts.bells.answered(self._bell)
            grant = Grant(room)
        self._unanswered = None
        return grant

    def _let_others_join(self) -> None:
        """Ring once more when this process cannot hold all. The bell wakes an idle process, which may do the same."""
        if not self._others_called:
            self._others_called = True
            self._parts.bells.ring(self._bell)

    def _claim(self, limit: int) -> tuple[Claim, list[CallOrder]]:
        """Claim, and read the claimed emails in the same transaction: none is claimed that cannot be read."""
        parts, claimed_at = self._parts, self._parts.monotonic()
        token = new_id()
        wishes = [Wanted(lane=lane, limit=limit, lease=parts.limits.lease, token=token) for lane in self._lanes]
        parts.recorder.claim(token)
        with tracing.span("claim") as span, parts.database.transaction() as connection:
            claim = claim_in_turn(connection, wishes)
            found = drafts.drafts(connection, {one.recipient.email_id for one in claim.emails})
            span.note(claimed=len(claim.emails), suppressed=len(claim.suppressed))
        sealed = {one.id: SealedEmail(one, parts.key_ring, links=parts.links) for one in found}
        return claim, [
            CallOrder(one, sealed[one.recipient.email_id], claimed_at, self._reports) for one in claim.emails
        ]

    def _wait(self, seconds: float) -> None:
        """Wait for the next grant. While calls are in flight, waiting for their reports is enough."""
        if not self._in_flight:
            self._parts.sleep(min(seconds, 0.25))

    def _collect(self) -> None:
        """Record the reports that have come back."""
        batch = self._gather() if self._in_flight else []
        if batch:
            self._in_flight -= len(batch)
            # Any other error may be a fault of ours in every report: it ends the drain, and the notes have the answers.
            record_isolated(batch, self._record, faults=SQLAlchemyError)
            self._drained = replace(
                self._drained,
                reported=self._drained.reported + len(batch),
                more=self._drained.more or any(isinstance(report.result, NotCalled) for report in batch),
            )

    def _gather(self) -> list[Report]:
        """The reports that have come back, and those that arrive in a moment.

        It looks only a few times, since each look costs all threads. The moment is longer while all threads have calls
        to make: then nothing waits for this thread, and a transaction costs the same for a hundred emails as for ten.
        """
        began = self._parts.monotonic()
        enough = min(self._in_flight, _RECORD_AT_MOST)
        try:
            batch = [self._reports.get(timeout=_RECORD_EVERY_S)]
        except Empty:
            return []
        while True:
            batch += [self._reports.get() for _ in range(min(self._reports.qsize(), enough - len(batch)))]
            busy = self._in_flight - len(batch) >= self._parts.limits.threads
            patience = _RECORD_EVERY_S_WHEN_BUSY if busy else _RECORD_EVERY_S
            if len(batch) == enough or self._parts.monotonic() - began >= patience:
                return batch
            self._parts.sleep(_RECORD_EVERY_S / 4)

    def _wait_for_calls(self) -> None:
        for _ in range(self._in_flight):
            self._reports.get()

    def _record(self, batch: Sequence[Report]) -> None:
        """Record reports. While the database is away, wait and claim nothing more: SES's answers must be stored."""
        gives_up = self._parts.monotonic() + _KEEP_TRYING_TO_RECORD_S
        pause = 0.1
        while True:
            try:
                self._parts.record(batch)
            except ServiceUnavailable:
                if self._parts.monotonic() > gives_up:
                    raise
                log.warning("record_waits", reports=len(batch), pause_s=pause)
                self._parts.sleep(pause)
                pause = min(2 * pause, 2.0)
            else:
                return
