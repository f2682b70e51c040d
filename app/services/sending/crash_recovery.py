"""After a crash: read the notes of dead worker processes of this host, and settle their emails (T8r).

A call that never started goes back to the queue. A call that was answered is recorded as if its worker had lived. Only
a call that was on the wire, or one whose state the notes do not show, stays unknown.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from app.domain.sending.call_outcome import Accepted, Ambiguous
from app.services.sending.call_results import NotCalled, Report, Result, recalled
from app.services.sending.record import Record, record_isolated
from app.store.engine.database import Database
from app.store.sending import claims
from app.store.sending.flight_recorder import Remains, each_of_the_dead

log = structlog.get_logger()

_BATCH: Final = 100
# A connection that breaks in the commit may still commit. After this time PostgreSQL has ended its session.
_MAY_STILL_COMMIT_S: Final = 10.0
_NOT_CALLED = NotCalled("The worker ended before it called SES.")
_ON_THE_WIRE = Ambiguous("The worker ended while SES was being called.")
_NOT_NOTED = Ambiguous("The worker ended, and its notes do not show whether it had called SES.")


class Recover:
    """Settles the emails that dead worker processes of this host have left."""

    def __init__(
        self,
        *,
        database: Database,
        record: Record,
        directory: Path,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._record = record
        self._directory = directory
        self._monotonic = monotonic
        self._awaited: dict[UUID, float] = {}

    def __call__(self) -> int:
        """How many emails were settled. Raises `ServiceUnavailable`; the notes then stay and are read again."""
        settled: list[Report] = []

        def settle(left: Remains) -> bool:
            reports = self._reports(left)
            self._write(reports)
            settled.extend(reports)
            return self._is_over(left.last_claim, {report.attempt.token for report in reports})

        each_of_the_dead(self._directory, settle)
        if settled:
            unknown = sum(isinstance(report.result, Ambiguous) for report in settled)
            log.info("recovered", emails=len(settled), unknown=unknown)
        return len(settled)

    def _reports(self, left: Remains) -> list[Report]:
        with self._database.reading() as connection:
            leased = claims.leased(connection, tokens=left.claims, attempt_ids=_accepted(left))
        return [Report(attempt=one, result=_result(one.attempt_id, left)) for one in leased]

    def _is_over(self, last_claim: UUID | None, found: set[UUID]) -> bool:
        """Whether the last claim holds nothing more: it was found, or has had enough time to become visible."""
        if last_claim is None or last_claim in found:
            return True
        since = self._awaited.setdefault(last_claim, self._monotonic())
        if self._monotonic() - since < _MAY_STILL_COMMIT_S:
            return False
        del self._awaited[last_claim]
        return True

    def _write(self, reports: list[Report]) -> None:
        """Write the reports in batches."""
        for start in range(0, len(reports), _BATCH):
            record_isolated(reports[start : start + _BATCH], self._record)


def _result(attempt_id: UUID, left: Remains) -> Result:
    answer = left.answers.get(attempt_id)
    if answer is not None:
        return recalled(answer)
    if attempt_id in left.started:
        return _ON_THE_WIRE
    return _NOT_CALLED if left.whole else _NOT_NOTED


def _accepted(left: Remains) -> set[UUID]:
    """The accepted attempts. Evidence of acceptance counts no matter which claim holds the email by now."""
    return {attempt_id for attempt_id, answer in left.answers.items() if isinstance(recalled(answer), Accepted)}
