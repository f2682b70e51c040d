"""Step 3b: write down the outcomes of calls to SES, a batch at a time.

This module maps each outcome to an event of the state machine and to the closing of the attempt. Evidence of acceptance
is written no matter which claim holds the lease by then (T4); everything else only if the claim still holds it.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app import tracing
from app.aws.events.pretended import event_json, happenings_at
from app.aws.sns.verifier import SnsType
from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Accepted, Ambiguous, Refused, Retry, Throttled, Tripped
from app.domain.sending.state_machine import Event, TransitionFacts
from app.domain.sending.trying import TEST_TOPIC
from app.services.deadlock_retry import again
from app.services.isolation import one_by_one
from app.services.moves import Move, moves_of, note_moves
from app.services.sending.call_results import FoundSuppressed, NotCalled, Report
from app.services.sending.circuits import move_circuits
from app.services.sending.render import RECIPIENT_TAG
from app.services.sending.transition import advance
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.feedback import notifications
from app.store.feedback.notifications import NewNotification
from app.store.operating import incidents
from app.store.operating.incidents import Noted
from app.store.sending import attempts, recipients
from app.store.sending.attempts import AttemptOutcome, Closing, OutcomeSource
from app.store.sending.circuits import KEYS
from app.store.sending.recipients import Recipient
from app.store.sending.recording import look_before_recording
from app.store.suppression.gate_sql import reason_for

log = structlog.get_logger()

_LONGEST_WAIT = timedelta(minutes=15)
# How long an email waits that this process cannot open although it opens others: as long as it has waited so far,
# within these bounds.
_WITHOUT_KEY = (timedelta(seconds=5), timedelta(minutes=5))
# Circuits whose cause is a setting note an incident; `/readyz` shows all others, and they end by themselves.
_MISSING_SETTING = {"keys": "sealing_key_missing", "stream": "unsubscribe_link_missing"}
_THROTTLE_WAIT = timedelta(seconds=2)
_CIRCUIT_WAIT = timedelta(seconds=1)


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
        with tracing.span("record") as span:
            span.note(reports=len(reports))
            again(lambda: self._write(reports))

    def _write(self, reports: Sequence[Report]) -> None:
        with self._database.transaction() as connection:
            seen = look_before_recording(connection)
            # Notifications before recipients, in the order in which the settler locks them: the other order deadlocks.
            if seen.notification_parked:
                accepted = [report.result.ses_message_id for report in reports if isinstance(report.result, Accepted)]
                notifications.wake(connection, accepted)
            # All at once and before any is written: otherwise two transactions may wait for each other's circuits.
            recipients.hold(connection, {report.attempt.recipient.id for report in reports})
            accepted_moves = self._write_accepted(connection, reports, seen.now)
            written = {one.after.id for one in accepted_moves}
            left = [report for report in reports if report.attempt.recipient.id not in written]
            other_moves = self._write_under_lock(connection, left, seen.now)
            attempts.close(connection, [closing(report) for report in reports])
            notifications.store(connection, [*_pretended([*accepted_moves, *other_moves], seen.now)])
            _note_incidents(connection, reports)
            move_circuits(connection, reports, are_open=seen.circuits_open)
            note_moves(connection, [*accepted_moves, *other_moves])

    def _write_accepted(self, connection: Connection, reports: Sequence[Report], now: datetime) -> list[Move]:
        """Write reports of emails that SES accepted and their claim still holds. The moves of the recipients written.

        Most reports are of this kind. As long as a claim holds a row, the row is as the claim read it, so the decision
        is made from that.
        """
        accepted = {report.attempt.recipient.id: report for report in reports if isinstance(report.result, Accepted)}
        moves = [
            Move(one.attempt.recipient, row)
            for one in accepted.values()
            if (row := self.move(one.attempt.recipient, one, now)) is not None
        ]
        tokens = {id_: one.attempt.token for id_, one in accepted.items()}
        written = recipients.save_accepted(connection, [one.after for one in moves], tokens=tokens)
        return [one for one in moves if one.after.id in written]

    def _write_under_lock(self, connection: Connection, reports: Sequence[Report], now: datetime) -> tuple[Move, ...]:
        """Write all other reports, decided from the rows as they are now. The moves."""
        if not reports:
            return ()
        rows = recipients.lock(connection, [report.attempt.recipient.id for report in reports])
        moved = self._move_all(rows, reports, now)
        recipients.save(connection, moved)
        return moves_of(rows, moved)

    def _move_all(self, rows: dict[UUID, Recipient], reports: Sequence[Report], now: datetime) -> list[Recipient]:
        """The rows that changed. Two reports of one recipient apply in turn, the second to what the first left."""
        moved: dict[UUID, Recipient] = {}
        for report in reports:
            recipient_id = report.attempt.recipient.id
            after = self.move(moved.get(recipient_id, rows[recipient_id]), report, now)
            if after is not None:
                moved[recipient_id] = after
        return list(moved.values())

    def move(self, row: Recipient, report: Report, now: datetime) -> Recipient | None:
        """What becomes of the row by the report; None when nothing does. It only decides, and writes nothing."""
        held = row.lease_token == report.attempt.token
        facts = TransitionFacts(lease_held=held, taken_by_ses=row.ses_message_id is not None)
        result = report.result
        match result:
            case Accepted(ses_message_id):
                return advance(row, Event.ACCEPTED, facts, now=now, ses_message_id=ses_message_id)
            case Refused(reason):
                return advance(row, Event.REFUSED, facts, now=now, reason=reason)
            case Ambiguous(reason):
                return advance(row, Event.OUTCOME_UNKNOWN, facts, now=now, reason=reason)
            case Retry(reason) if row.attempts + 1 >= self._max_attempts:
                given_up = f"Not sent in {row.attempts + 1} attempts; a person has to decide. {reason}"
                return advance(row, Event.ATTEMPTS_EXHAUSTED, facts, now=now, reason=given_up)
            case Retry(reason):
                return advance(
                    row, Event.NOT_SENT, facts, now=now, reason=reason, due_at=now + self._wait(row.attempts)
                )
            case Throttled(reason):
                due = now + _THROTTLE_WAIT * (0.5 + self._jitter())
                return advance(row, Event.NOT_SENT_BLAMELESS, facts, now=now, reason=reason, due_at=due)
            case Tripped(scope, reason):
                due = now + (_wait_without_key(now - row.created_at) if scope == KEYS else _CIRCUIT_WAIT)
                return advance(row, Event.NOT_SENT_BLAMELESS, facts, now=now, reason=reason, due_at=due)
            case NotCalled(reason):
                return advance(row, Event.GIVE_BACK, facts, now=now, reason=reason)
            case FoundSuppressed(origin):
                return advance(row, Event.FIND_SUPPRESSED, facts, now=now, reason=reason_for(origin))

    def _wait(self, earlier_attempts: int) -> timedelta:
        """Full jitter: anywhere up to a bound that doubles with each attempt."""
        bound = min(timedelta(seconds=2 ** min(earlier_attempts + 1, 20)), _LONGEST_WAIT)
        return bound * self._jitter()


def _pretended(moves: Iterable[Move], now: datetime) -> Iterator[NewNotification]:
    """What SES would report of the test emails that were accepted just now. It is settled like all notifications."""
    for move in moves:
        row = move.after
        if not row.is_test or row.ses_message_id is None or row.ses_message_id == move.before.ses_message_id:
            continue
        for happening in happenings_at(row.key):
            yield NewNotification(
                id=new_id(),
                sns_message_id=f"{row.ses_message_id}-{happening}",
                topic_arn=TEST_TOPIC,
                kind=SnsType.NOTIFICATION,
                raw=event_json(
                    happening,
                    ses_message_id=row.ses_message_id,
                    recipient=row.address,
                    tags={RECIPIENT_TAG: str(row.id)},
                    moment=now,
                ),
                published_at=now,
            )


def record_isolated(
    reports: Sequence[Report], write: Callable[[Sequence[Report]], None], *, faults: type[Exception] = Exception
) -> None:
    """Write the reports, together if possible and else each by itself.

    One that cannot be written holds up no other: its lease runs out, and the events of SES settle its email. `faults`
    are the errors that one report can cause. Any other is raised, as is `ServiceUnavailable`; what was written stays.
    """
    try:
        write(reports)
    except ServiceUnavailable:
        raise
    except faults as error:
        alone = one_by_one(reports, partial(_written, write), failed=_as_outcome) if len(reports) > 1 else [error]
        for report, failure in zip(reports, alone, strict=True):
            if isinstance(failure, ServiceUnavailable) or not isinstance(failure, faults | None):
                raise failure from error
            if failure is not None:
                _log_refused(report, failure)


def _written(write: Callable[[Sequence[Report]], None], reports: Sequence[Report]) -> list[Exception | None]:
    write(reports)
    return [None]


def _as_outcome(error: Exception) -> Exception | None:
    return error


def _log_refused(report: Report, error: Exception) -> None:
    recipient_id = str(report.attempt.recipient.id)
    log.error("report_refused", recipient_id=recipient_id, error=type(error).__name__, exc_info=error)


def _wait_without_key(waited: timedelta) -> timedelta:
    shortest, longest = _WITHOUT_KEY
    return min(max(waited, shortest), longest)


def _note_incidents(connection: Connection, reports: Sequence[Report]) -> None:
    """Note the incidents of a batch, each once."""
    found = {(one.kind, one.subject): one for one in map(_incident, reports) if one is not None}
    incidents.note_all(connection, found.values())


def _incident(report: Report) -> Noted | None:
    match report.result:
        case Retry(reason, kind, subject):
            return Noted(kind=kind, subject=subject, detail=reason)
        case Tripped(scope, reason):
            kind, _, concerned = scope.partition(":")
            if kind in _MISSING_SETTING:
                return Noted(kind=_MISSING_SETTING[kind], subject=concerned or "SECRET_KEYS", detail=reason)
    return None


_ATTEMPT = {
    Refused: AttemptOutcome.REJECTED,
    Retry: AttemptOutcome.NOT_SENT,
    Throttled: AttemptOutcome.NOT_SENT,
    Tripped: AttemptOutcome.NOT_SENT,
    NotCalled: AttemptOutcome.NOT_SENT,
    FoundSuppressed: AttemptOutcome.NOT_SENT,
    Ambiguous: AttemptOutcome.UNKNOWN,
}


def closing(report: Report) -> Closing:
    """How the report closes its attempt."""
    attempt_id, result = report.attempt.attempt_id, report.result
    if isinstance(result, Accepted):
        return Closing(
            id=attempt_id,
            outcome=AttemptOutcome.ACCEPTED,
            evidence=OutcomeSource.RESPONSE,
            ses_message_id=result.ses_message_id,
        )
    reason = reason_for(result.origin) if isinstance(result, FoundSuppressed) else result.reason
    return Closing(id=attempt_id, outcome=_ATTEMPT[type(result)], evidence=OutcomeSource.RESPONSE, reason=reason)
