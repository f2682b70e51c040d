"""Step 5: settle stored notifications: read each, find the recipients that it is about, and apply its events.

A batch is settled in one transaction. Notifications that ask nothing of the suppression list, which most do not, are
settled together with a few statements for all; bounces and complaints are settled one after another. When anything
fails, all of it is undone, and a new transaction has a savepoint for each notification, so that a poison one delays no
other. An event about an email that is not known yet (SES may be quicker than our own commit) takes effect on the
address at once, and is parked until the email is known.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app import tracing
from app.aws.events.notification import read_notification
from app.domain.errors import ServiceUnavailable
from app.domain.operating.histograms import CALLED_DELIVERED
from app.queue import SETTLE, Bells
from app.services.deadlock_retry import again
from app.services.feedback.apply import Conclude
from app.services.feedback.interpret import ReceivedEvent
from app.services.feedback.match_recipient import Match, match
from app.services.feedback.set_aside import Doubts
from app.services.feedback.taken import FIRST_LOOK, Taken
from app.services.isolation import save_isolated, spoilt
from app.services.moves import moves_of, note_moves
from app.services.privacy.anonymise import Unname
from app.services.timings import Timings
from app.store.engine.database import Database
from app.store.feedback import notifications
from app.store.feedback.notifications import InboxState, Notification, PutOff
from app.store.operating import incidents
from app.store.operating.incidents import Noted
from app.store.privacy import erasure
from app.store.sending import attempts, recipients
from app.store.sending.attempts import Closing
from app.store.sending.recipients import Recipient

log = structlog.get_logger()

_BATCH: Final = 100
_DRAIN_S: Final = 5.0
# Another worker with events of the same recipients waits for ours to end, and three seconds at most.
_BATCH_S: Final = 1.0
_POISON_TRIES: Final = 5
POISON_NOTIFICATION: Final = "poison_notification"


@dataclass(frozen=True, slots=True)
class _Batch:
    """The input of a batch: the notifications in their order, their recipients as locked, and the time.

    `locked` are the addresses whose entries are locked.
    """

    read: Sequence[Taken]
    rows: Mapping[UUID, Recipient]
    locked: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class _Settled:
    """What one batch did: how many notifications it looked at, and whether due ones may be left."""

    looked_at: int = 0
    more: bool = False


@dataclass(slots=True)
class _Done:
    """What is written once for a whole batch: new states, closed attempts, and what became of each notification."""

    rows: dict[UUID, Recipient]
    closings: dict[UUID, Closing] = field(default_factory=dict)
    finished: dict[UUID, str | None] = field(default_factory=dict)
    put_off: list[PutOff] = field(default_factory=list)
    incidents: list[Noted] = field(default_factory=list)
    bounces: Counter[tuple[str, str]] = field(default_factory=Counter)
    deliveries_s: list[float] = field(default_factory=list)
    erased: list[UUID] = field(default_factory=list)
    looked_at: int = 0


def _row_of(found: Match | None, rows: Mapping[UUID, Recipient]) -> Recipient | None:
    return rows.get(found.recipient_id) if found else None


def _portions(read: Sequence[Taken]) -> Iterator[Sequence[Taken]]:
    """What is settled together: first all that ask nothing of the suppression list, then the others, one by one."""
    if quiet := [one for one in read if not one.claims]:
        yield quiet
    yield from ([one] for one in read if one.claims)


def _one_by_one(read: Sequence[Taken]) -> Iterator[Sequence[Taken]]:
    return ([one] for one in read)


def _save(connection: Connection, rows: Sequence[Recipient]) -> Sequence[Recipient]:
    recipients.save(connection, rows)
    return rows


_Portions = Callable[[Sequence[Taken]], Iterator[Sequence[Taken]]]
_Way = Callable[[Connection, Sequence[Taken], _Done, _Batch], None]
_Saving = Callable[[Connection, Sequence[Recipient]], Sequence[Recipient]]


class Settle:
    """Settles the inbox."""

    def __init__(
        self,
        *,
        database: Database,
        conclude: Conclude,
        unname: Unname,
        doubts: Doubts,
        bells: Bells,
        timings: Timings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._conclude = conclude
        self._unname = unname
        self._doubts = doubts
        self._bells = bells
        self._timings = timings
        self._monotonic = monotonic

    def drain(self) -> int:
        """Settle due notifications until none is left or some seconds have passed; return how many were looked at.

        What is stored meanwhile rings again.
        """
        self._bells.answered(SETTLE)
        ends = self._monotonic() + _DRAIN_S
        settled = self._batch()
        looked_at = settled.looked_at
        while settled.more:
            if self._monotonic() >= ends:
                self._bells.ring(SETTLE)
                break
            settled = self._batch()
            looked_at += settled.looked_at
        return looked_at

    def batch(self) -> int:
        """Settle up to a hundred due notifications in one transaction, for about a second; return how many."""
        return self._batch().looked_at

    def _batch(self) -> _Settled:
        self._unname.make_ready()
        with tracing.span("settle") as span:
            settled = self._settled()
            span.note(notifications=settled.looked_at)
        return settled

    def _settled(self) -> _Settled:
        """Settle a batch without a savepoint or, when anything in it fails, with one for each notification."""
        try:
            return again(lambda: self._settle_batch(_portions, self._settle, _save))
        except ServiceUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - any error concerns one of the notifications
            log.info("batch_settled_one_by_one", error=type(error).__name__)
        return again(lambda: self._settle_batch(_one_by_one, self._settle_apart, save_isolated))

    def _settle_batch(self, portions: _Portions, settle: _Way, save: _Saving) -> _Settled:
        with self._database.transaction() as connection:
            taken = notifications.take(connection, limit=_BATCH)
            if not taken:
                return _Settled()
            batch = self._look(connection, taken)
            done = self._in_time(connection, batch, portions(batch.read), settle)
            saved = save(connection, [row for row in done.rows.values() if row != batch.rows[row.id]])
            attempts.close(connection, list(done.closings.values()))
            notifications.finish(connection, done.finished)
            notifications.put_off(connection, done.put_off)
            erasure.erase_notifications(connection, done.erased)
            incidents.note_all(connection, done.incidents)
            note_moves(connection, moves_of(batch.rows, saved), bounces=done.bounces)
        for seconds in done.deliveries_s:
            self._timings.observe(CALLED_DELIVERED, seconds)
        return _Settled(done.looked_at, more=len(taken) == _BATCH or done.looked_at < len(taken))

    def _look(self, connection: Connection, taken: Sequence[Notification]) -> _Batch:
        read = sorted(self._read(connection, taken), key=lambda one: one.place)
        rows = recipients.lock(connection, {one.recipient_id for each in read for one in each.matches if one})
        read = list(self._unnamed(connection, [one.still_there(rows) for one in read], rows))
        pairs = (pair for one in read for pair in one.pairs)
        locked = self._conclude.lock(connection, ((event, _row_of(found, rows)) for event, found in pairs))
        return _Batch(read, rows, locked, taken[0].taken_at)

    def _in_time(
        self, connection: Connection, batch: _Batch, portions: Iterable[Sequence[Taken]], settle: _Way
    ) -> _Done:
        """Settle one portion after another until all are settled or the time is up."""
        ends = self._monotonic() + _BATCH_S
        done = _Done(dict(batch.rows))
        for portion in portions:
            if done.looked_at and self._monotonic() >= ends:
                break
            settle(connection, portion, done, batch)
            done.looked_at += len(portion)
        return done

    def _read(self, connection: Connection, taken: Sequence[Notification]) -> Iterator[Taken]:
        readings = [read_notification(one.raw, received_at=one.received_at) for one in taken]
        matches = iter(match(connection, [event for reading in readings for event in reading.events]))
        for notification, reading in zip(taken, readings, strict=True):
            matched = tuple(islice(matches, len(reading.events)))
            known = [(event, found is not None) for event, found in zip(reading.events, matched, strict=True)]
            yield Taken(notification, reading, matched, self._doubts.about(notification.topic_arn, reading, known))

    def _unnamed(self, connection: Connection, read: Sequence[Taken], rows: dict[UUID, Recipient]) -> Iterator[Taken]:
        """The notifications without the names of forgotten people."""
        pairs = [pair for one in read for pair in one.pairs]
        unnamed = self._unname(connection, [(event, _row_of(found, rows)) for event, found in pairs])
        for one in read:
            own_events = list(islice(unnamed, len(one.matches)))
            reading = replace(one.reading, events=tuple(each.feedback for each in own_events))
            yield replace(one, reading=reading, erases=any(each.erases for each in own_events))

    def _settle_apart(self, connection: Connection, portion: Sequence[Taken], done: _Done, batch: _Batch) -> None:
        """Settle a single notification, or undo all of it and leave only a note."""
        (one,) = portion
        error = spoilt(connection, lambda: self._settle(connection, portion, done, batch))
        if error is not None:
            log.error("notification_failed", notification_id=str(one.notification.id), exc_info=error)
            self._quarantine(one.notification, error, done, batch.now)

    def _settle(self, connection: Connection, portion: Sequence[Taken], done: _Done, batch: _Batch) -> None:
        """Settle these together: all of them or, when it raises, none."""
        believed = [one for one in portion if one.believed]
        received = [ReceivedEvent(one.notification.id, event, found) for one in believed for event, found in one.pairs]
        ends = self._conclude(connection, received, done.rows, locked=batch.locked, now=batch.now)
        done.rows |= ends.moved
        done.closings |= ends.closings
        done.incidents += ends.incidents
        done.bounces += ends.bounces
        done.deliveries_s += ends.deliveries_s
        for one in portion:
            if one.doubt is not None:
                done.incidents.append(one.doubt.incident)
            put_off = one.put_off(batch.now)
            if put_off is not None:
                done.put_off.append(put_off)
            else:
                done.finished[one.notification.id] = one.finding
            if one.erases:
                done.erased.append(one.notification.id)

    def _quarantine(self, notification: Notification, error: Exception, done: _Done, now: datetime) -> None:
        last = notification.tries + 1 >= _POISON_TRIES
        if last:
            detail = "A notification made its reader fail five times and is set aside: see `./postern feedback`."
            done.incidents.append(Noted(kind=POISON_NOTIFICATION, subject=type(error).__name__, detail=detail))
        put_off = PutOff(
            id=notification.id,
            state=InboxState.QUARANTINED if last else InboxState.PARKED,
            due_at=now + FIRST_LOOK * 2**notification.tries,
            note=f"made its reader fail: {type(error).__name__}",
        )
        done.put_off.append(put_off)
