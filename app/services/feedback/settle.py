"""Step 5: settle stored notifications: read each, find the recipients that it is about, and apply its events.

A batch is settled in one transaction. Notifications that ask nothing of the suppression list, which most do not, are
settled together with a few statements for all; bounces and complaints are settled one after another. When anything
fails, the batch is begun anew with a savepoint for each notification, so that a poison one delays no other. An event
about an email that is not known yet (SES may be quicker than our own commit) takes effect on the address at once, and
is parked until the email is known.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app import tracing
from app.aws.events.notification import read_notification
from app.domain.feedback.events import Reading, SesEvent
from app.domain.suppression.rules import is_claim
from app.queue import SETTLE, Bells
from app.services.deadlock_retry import again
from app.services.feedback.apply import Conclude
from app.services.feedback.interpret import ReceivedEvent
from app.services.feedback.match_recipient import Match, match
from app.services.feedback.set_aside import Doubt, Doubts
from app.services.isolation import save_isolated, spoilt
from app.services.moves import moves_of, note_moves
from app.services.privacy.anonymise import Unname
from app.store.engine.database import Database, clock
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
_FIRST_LOOK: Final = timedelta(seconds=1)
_LONGEST_PARK: Final = timedelta(hours=24)
_GIVE_UP_AFTER: Final = timedelta(days=7)
_POISON_TRIES: Final = 5
POISON_NOTIFICATION: Final = "poison_notification"


@dataclass(frozen=True, slots=True)
class _Read:
    """One notification, read, and for each of its events the recipient that it is about.

    `doubt`: what a person has to see about it. `erases`: it names a forgotten person, and is erased once it is settled.
    """

    notification: Notification
    reading: Reading
    matches: tuple[Match | None, ...]
    doubt: Doubt | None = None
    erases: bool = False

    @property
    def finding(self) -> str | None:
        """Why nothing follows from a notification without events."""
        return None if self.reading.events else self.reading.note

    @property
    def claims(self) -> bool:
        """Whether it may ask anything of the suppression list."""
        return any(map(is_claim, self.reading.events))

    @property
    def pairs(self) -> list[tuple[SesEvent, Match | None]]:
        return list(zip(self.reading.events, self.matches, strict=True))

    @property
    def believed(self) -> bool:
        """Whether its events may be applied."""
        return self.doubt is None or self.doubt.believed


@dataclass(frozen=True, slots=True)
class _Batch:
    """The input of a batch: the notifications in their order, their recipients as locked, and the time.

    `held` are the addresses whose entries are locked.
    """

    read: Sequence[_Read]
    rows: Mapping[UUID, Recipient]
    locked: frozenset[str]
    now: datetime


@dataclass(slots=True)
class _Done:
    """What is written once for a whole batch: new states, closed attempts, and what became of each notification."""

    rows: dict[UUID, Recipient]
    closings: dict[UUID, Closing] = field(default_factory=dict)
    finished: dict[UUID, str | None] = field(default_factory=dict)
    put_off: list[PutOff] = field(default_factory=list)
    incidents: list[Noted] = field(default_factory=list)
    bounces: Counter[tuple[str, str]] = field(default_factory=Counter)
    erased: list[UUID] = field(default_factory=list)
    looked_at: int = 0


def _place(read: _Read) -> tuple[bool, str, str, str]:
    """The sort key of a notification in a batch; those that may suppress come last.

    All workers use the same order, so that two of them never wait for each other's rows.
    """
    first = read.reading.events[0] if read.reading.events else None
    names = ((first.recipient or "").lower(), first.ses_message_id, first.kind) if first else ("", "", "")
    return read.claims, *names


def _still_there(read: _Read, rows: Mapping[UUID, Recipient]) -> _Read:
    """The notification without recipients that were deleted between the look and the lock."""
    there = tuple(found if found and found.recipient_id in rows else None for found in read.matches)
    return read if there == read.matches else replace(read, matches=there)


def _row_of(found: Match | None, rows: Mapping[UUID, Recipient]) -> Recipient | None:
    return rows.get(found.recipient_id) if found else None


def _portions(read: Sequence[_Read]) -> Iterator[Sequence[_Read]]:
    """What is settled together: first all that ask nothing of the suppression list, then the others, one by one."""
    if quiet := [one for one in read if not one.claims]:
        yield quiet
    yield from ([one] for one in read if one.claims)


_Way = Callable[[Connection, Sequence[_Read], _Done, _Batch], None]


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._conclude = conclude
        self._unname = unname
        self._doubts = doubts
        self._bells = bells
        self._monotonic = monotonic

    def drain(self) -> int:
        """Settle due notifications until none is left or some seconds have passed; return how many were looked at."""
        self._bells.answered(SETTLE)
        ends = self._monotonic() + _DRAIN_S
        looked_at = 0
        while taken := self.batch():
            looked_at += taken
            if self._monotonic() >= ends:
                self._bells.ring(SETTLE)
                break
        return looked_at

    def batch(self) -> int:
        """Settle up to a hundred due notifications in one transaction, for about a second; return how many."""
        self._unname.make_ready()
        with tracing.span("settle") as span:
            looked_at = again(self._batch)
            span.note(notifications=looked_at)
        return looked_at

    def _batch(self) -> int:
        with self._database.transaction() as connection:
            taken = notifications.take(connection, limit=_BATCH)
            if not taken:
                return 0
            batch = self._look(connection, taken)
            done = self._settle_all(connection, batch)
            saved = save_isolated(connection, [row for row in done.rows.values() if row != batch.rows[row.id]])
            attempts.close(connection, list(done.closings.values()))
            notifications.finish(connection, done.finished)
            notifications.put_off(connection, done.put_off)
            erasure.erase_notifications(connection, done.erased)
            incidents.note_all(connection, done.incidents)
            note_moves(connection, moves_of(batch.rows, saved), bounces=done.bounces)
            return done.looked_at

    def _look(self, connection: Connection, taken: Sequence[Notification]) -> _Batch:
        read = sorted(self._read(connection, taken), key=_place)
        rows = recipients.lock(connection, {one.recipient_id for each in read for one in each.matches if one})
        read = list(self._unnamed(connection, [_still_there(one, rows) for one in read], rows))
        pairs = (pair for one in read for pair in one.pairs)
        locked = self._conclude.lock(connection, ((event, _row_of(found, rows)) for event, found in pairs))
        return _Batch(read, rows, locked, clock(connection))

    def _settle_all(self, connection: Connection, batch: _Batch) -> _Done:
        """Settle the batch together, or when anything in it fails, each notification by itself."""
        done: list[_Done] = []
        error = spoilt(
            connection,
            lambda: done.append(self._in_time(connection, batch, _portions(batch.read), self._settle)),
        )
        if error is None:
            return done[0]
        log.info("batch_settled_one_by_one", error=type(error).__name__)
        return self._in_time(connection, batch, ([one] for one in batch.read), self._settle_apart)

    def _in_time(
        self, connection: Connection, batch: _Batch, portions: Iterable[Sequence[_Read]], settle: _Way
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

    def _read(self, connection: Connection, taken: Sequence[Notification]) -> Iterator[_Read]:
        readings = [read_notification(one.raw, received_at=one.received_at) for one in taken]
        matches = iter(match(connection, [event for reading in readings for event in reading.events]))
        for notification, reading in zip(taken, readings, strict=True):
            matched = tuple(islice(matches, len(reading.events)))
            known = [(event, found is not None) for event, found in zip(reading.events, matched, strict=True)]
            yield _Read(notification, reading, matched, self._doubts.about(notification.topic_arn, reading, known))

    def _unnamed(self, connection: Connection, read: Sequence[_Read], rows: dict[UUID, Recipient]) -> Iterator[_Read]:
        """The notifications without the names of forgotten people."""
        pairs = [pair for one in read for pair in one.pairs]
        unnamed = self._unname(connection, [(event, _row_of(found, rows)) for event, found in pairs])
        for one in read:
            own_events = list(islice(unnamed, len(one.matches)))
            reading = replace(one.reading, events=tuple(each.feedback for each in own_events))
            yield replace(one, reading=reading, erases=any(each.erases for each in own_events))

    def _settle_apart(self, connection: Connection, portion: Sequence[_Read], done: _Done, batch: _Batch) -> None:
        """Settle a single notification, or undo all of it and leave only a note."""
        (one,) = portion
        error = spoilt(connection, lambda: self._settle(connection, portion, done, batch))
        if error is not None:
            log.error("notification_failed", notification_id=str(one.notification.id), exc_info=error)
            self._quarantine(one.notification, error, done, batch.now)

    def _settle(self, connection: Connection, portion: Sequence[_Read], done: _Done, batch: _Batch) -> None:
        """Settle these together: all of them or, when it raises, none."""
        believed = [one for one in portion if one.believed]
        received = [ReceivedEvent(one.notification.id, event, found) for one in believed for event, found in one.pairs]
        ends = self._conclude(connection, received, done.rows, locked=batch.locked, now=batch.now)
        done.rows |= ends.moved
        done.closings |= ends.closings
        done.incidents += ends.incidents
        done.bounces += ends.bounces
        for one in portion:
            if one.doubt is not None:
                done.incidents.append(one.doubt.incident)
            put_off = None if one.erases else _set_aside(one, batch.now) or _parked(one, batch.now)
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
            due_at=now + _FIRST_LOOK * 2**notification.tries,
            note=f"made its reader fail: {type(error).__name__}",
        )
        done.put_off.append(put_off)


def _set_aside(read: _Read, now: datetime) -> PutOff | None:
    """How to set aside a notification that a person has to see; None when there is no need."""
    if read.doubt is None or not read.doubt.sets_aside:
        return None
    return PutOff(id=read.notification.id, state=InboxState.QUARANTINED, due_at=now, note=read.doubt.note)


def _parked(read: _Read, now: datetime) -> PutOff | None:
    """When to look again at a notification about an unknown email; None after a week: then it is not ours."""
    notification = read.notification
    unmatched = [event for event, found in read.pairs if found is None]
    if not unmatched or now - notification.received_at > _GIVE_UP_AFTER:
        return None
    return PutOff(
        id=notification.id,
        state=InboxState.PARKED,
        due_at=now + min(_FIRST_LOOK * 2 ** min(notification.tries, 20), _LONGEST_PARK),
        note=notifications.waiting_for(unmatched[0].ses_message_id),
    )
