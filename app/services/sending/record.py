"""Step 3b: write down what the calls to SES came to, a batch at a time.

It maps each outcome of a call to an event of the state machine and to the closing of the attempt. Evidence of
acceptance is written whoever holds the lease by then (T4); everything else only for the holder.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from app.domain.delivery import Event, Facts
from app.domain.outcome import Accepted, Ambiguous, Paused, Refused, Retry, Throttled
from app.services.advance import advance
from app.services.results import FoundSuppressed, NotCalled, Result
from app.store import attempts, circuits, inbox, recipients
from app.store.attempts import AttemptOutcome, Closing, Evidence
from app.store.claims import Mine
from app.store.db import Database
from app.store.glance import glance
from app.store.recipients import Recipient
from app.store.verdicts import reason_for

_LONGEST_WAIT = timedelta(minutes=15)
_THROTTLE_WAIT = timedelta(seconds=2)
_CIRCUIT_WAIT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one claimed mail came to. `token` is the claim that it was called under."""

    mine: Mine
    token: UUID
    result: Result


class Record:
    """Writes reports."""

    def __init__(self, *, database: Database, max_attempts: int, jitter: Callable[[], float] = random.random) -> None:
        self._database = database
        self._max_attempts = max_attempts
        self._jitter = jitter

    def __call__(self, reports: Sequence[Report]) -> None:
        """Write these reports in one transaction.

        Raises `ServiceUnavailable` when the database is away; nothing is written.
        """
        with self._database.transaction() as connection:
            seen = glance(connection)
            # Notifications before recipients, as the settler locks them: the other way round is a deadlock.
            if seen.news_parked:
                accepted = [report.result.ses_message_id for report in reports if isinstance(report.result, Accepted)]
                inbox.wake(connection, accepted)
            written = self._write_accepted(connection, reports, seen.now)
            left = [report for report in reports if report.mine.recipient.id not in written]
            self._write_under_lock(connection, left, seen.now)
            attempts.close(connection, [_closing(report) for report in reports])
            self._move_circuits(connection, reports, are_open=seen.circuits_open)

    def _write_accepted(self, connection: Connection, reports: Sequence[Report], now: datetime) -> frozenset[UUID]:
        """Most reports: SES took a mail that its claim holds still. Which recipients are written.

        As long as a claim holds a row, the row is what the claim has read, so that is what is decided from.
        """
        accepted = {report.mine.recipient.id: report for report in reports if isinstance(report.result, Accepted)}
        moved = [row for one in accepted.values() if (row := self._move(one.mine.recipient, one, now)) is not None]
        return recipients.save_accepted(connection, moved, tokens={id_: one.token for id_, one in accepted.items()})

    def _write_under_lock(self, connection: Connection, reports: Sequence[Report], now: datetime) -> None:
        """All others: decided from what the rows are now."""
        if reports:
            rows = recipients.lock(connection, [report.mine.recipient.id for report in reports])
            recipients.save(connection, self._move_all(rows, reports, now))

    def _move_all(self, rows: dict[UUID, Recipient], reports: Sequence[Report], now: datetime) -> list[Recipient]:
        """Those that changed. Two reports of one recipient are taken in turn, each on what the other has left."""
        moved: dict[UUID, Recipient] = {}
        for report in reports:
            recipient_id = report.mine.recipient.id
            after = self._move(moved.get(recipient_id, rows[recipient_id]), report, now)
            if after is not None:
                moved[recipient_id] = after
        return list(moved.values())

    def _move(self, row: Recipient, report: Report, now: datetime) -> Recipient | None:
        facts = Facts(lease_held=row.lease_token == report.token, taken_by_ses=row.ses_message_id is not None)
        result = report.result
        match result:
            case Accepted(ses_message_id):
                return advance(row, Event.ACCEPTED, facts, now=now, ses_message_id=ses_message_id)
            case Refused(reason):
                return advance(row, Event.REFUSED, facts, now=now, reason=reason)
            case Ambiguous(reason):
                return advance(row, Event.OUTCOME_UNKNOWN, facts, now=now, reason=reason)
            case Retry(reason) if row.attempts + 1 >= self._max_attempts:
                given_up = f"Given up after {row.attempts + 1} attempts. {reason}"
                return advance(row, Event.ATTEMPTS_EXHAUSTED, facts, now=now, reason=given_up)
            case Retry(reason):
                return advance(
                    row, Event.NOT_SENT, facts, now=now, reason=reason, due_at=now + self._wait(row.attempts)
                )
            case Throttled(reason):
                due = now + _THROTTLE_WAIT * (0.5 + self._jitter())
                return advance(row, Event.NOT_SENT_BLAMELESS, facts, now=now, reason=reason, due_at=due)
            case Paused(_, reason):
                return advance(row, Event.NOT_SENT_BLAMELESS, facts, now=now, reason=reason, due_at=now + _CIRCUIT_WAIT)
            case NotCalled(reason):
                return advance(row, Event.GIVE_BACK, facts, now=now, reason=reason)
            case FoundSuppressed(origin):
                return advance(row, Event.FIND_SUPPRESSED, facts, now=now, reason=reason_for(origin))

    def _wait(self, earlier_attempts: int) -> timedelta:
        """Full jitter: anywhere up to a bound that doubles with each attempt."""
        bound = min(timedelta(seconds=2 ** min(earlier_attempts + 1, 20)), _LONGEST_WAIT)
        return bound * self._jitter()

    def _move_circuits(self, connection: Connection, reports: Sequence[Report], *, are_open: bool) -> None:
        # Nothing has written the row since the claim, so its last change is when it was claimed.
        tripped = {
            report.result.scope: (report.result.reason, report.mine.recipient.updated_at)
            for report in reports
            if isinstance(report.result, Paused)
        }
        for scope, (reason, claimed_at) in tripped.items():
            circuits.trip(connection, scope, reason=reason, claimed_at=claimed_at)
        proven = {
            f"sender:{report.mine.recipient.sender_domain}" for report in reports if isinstance(report.result, Accepted)
        }
        if proven and are_open:
            circuits.close(connection, sorted((proven | {"account"}) - tripped.keys()))


_ATTEMPT = {
    Refused: AttemptOutcome.REJECTED,
    Retry: AttemptOutcome.NOT_SENT,
    Throttled: AttemptOutcome.NOT_SENT,
    Paused: AttemptOutcome.NOT_SENT,
    NotCalled: AttemptOutcome.NOT_SENT,
    FoundSuppressed: AttemptOutcome.NOT_SENT,
    Ambiguous: AttemptOutcome.UNKNOWN,
}


def _closing(report: Report) -> Closing:
    attempt_id, result = report.mine.attempt_id, report.result
    if isinstance(result, Accepted):
        return Closing(
            id=attempt_id,
            outcome=AttemptOutcome.ACCEPTED,
            evidence=Evidence.RESPONSE,
            ses_message_id=result.ses_message_id,
        )
    reason = reason_for(result.origin) if isinstance(result, FoundSuppressed) else result.reason
    return Closing(id=attempt_id, outcome=_ATTEMPT[type(result)], evidence=Evidence.RESPONSE, reason=reason)
