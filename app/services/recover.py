"""After a crash: read what dead worker processes of this host noted, and settle what they held (T8r).

What was never started goes back to the queue, since it was not called; what was answered is recorded as if its worker
had lived; only a call that was on the wire stays unknown.
"""

from pathlib import Path
from uuid import UUID

import structlog

from app.domain.outcome import Accepted, Ambiguous
from app.services.record import Record, Report
from app.services.results import NotCalled, Result, recalled
from app.store import claims
from app.store.db import Database
from app.store.flight import Remains, remains

log = structlog.get_logger()

_BATCH = 100
_NOT_CALLED = NotCalled("The worker ended before it called SES.")
_ON_THE_WIRE = Ambiguous("The worker ended while SES was being called.")


class Recover:
    """Settles what dead worker processes of this host have left."""

    def __init__(self, *, database: Database, record: Record, directory: Path) -> None:
        self._database = database
        self._record = record
        self._directory = directory

    def __call__(self) -> int:
        """How many mails were settled. Raises `ServiceUnavailable`; then the notes stay, and are read again."""
        return sum(self._settle(left) for left in remains(self._directory))

    def _settle(self, left: Remains) -> int:
        with self._database.reading() as connection:
            held = claims.held(connection, tokens=left.claims, attempt_ids=_accepted(left))
        reports = [Report(mine=one.mine, token=one.token, result=_result(one.mine.attempt_id, left)) for one in held]
        for start in range(0, len(reports), _BATCH):
            self._record(reports[start : start + _BATCH])
        if reports:
            log.info("recovered", mails=len(reports), unknown=sum(one.result is _ON_THE_WIRE for one in reports))
        return len(reports)


def _result(attempt_id: UUID, left: Remains) -> Result:
    answer = left.answers.get(attempt_id)
    if answer is not None:
        return recalled(answer)
    return _ON_THE_WIRE if attempt_id in left.started else _NOT_CALLED


def _accepted(left: Remains) -> set[UUID]:
    """Evidence of acceptance counts whoever holds the mail by now."""
    return {attempt_id for attempt_id, answer in left.answers.items() if isinstance(recalled(answer), Accepted)}
