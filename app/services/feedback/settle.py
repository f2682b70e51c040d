"""Step 5: settle stored notifications: read each, find the mails that it is about, and draw the conclusions.

A batch is settled in one transaction. What asks nothing of the suppression list, most of all news, is settled together,
with a few statements for all; bounces and complaints one after another. When anything breaks, the batch is begun anew
with a savepoint for each notification, so that a poison one delays nobody. An event about a mail that is not known yet
(SES may be quicker than our own commit) takes effect on the address at once and is parked until the mail is known.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.aws.events import read_notification
from app.domain.feedback import Feedback, Reading
from app.domain.suppression import is_claim
from app.queue import SETTLE, Bells
from app.services.conclude import Conclude
from app.services.isolate import save_isolated
from app.services.judge import News
from app.services.match import Match, match
from app.services.unname import Unname
from app.store import attempts, erasure, inbox, incidents, recipients
from app.store.attempts import Closing
from app.store.db import Database, clock
from app.store.inbox import InboxState, Notification, PutOff
from app.store.recipients import Recipient

log = structlog.get_logger()

_BATCH: Final = 100
_DRAIN_S: Final = 5.0
# Another worker with news of the same mails waits for ours to end, and three seconds at most.
_BATCH_S: Final = 1.0
_FIRST_LOOK: Final = timedelta(seconds=1)
_LONGEST_PARK: Final = timedelta(hours=24)
_GIVE_UP_AFTER: Final = timedelta(days=7)
_POISON_TRIES: Final = 5
POISON_NOTIFICATION: Final = "poison_notification"


@dataclass(frozen=True, slots=True)
class _Read:
    """One notification, read, and for each of its events the mail that it is about.

    `erases`: it names somebody who was forgotten, and is erased once it is settled.
    """

    notification: Notification
    reading: Reading
    matches: tuple[Match | None, ...]
    erases: bool = False

    @property
    def finding(self) -> str | None:
        """Why nothing follows from it, of a notification that tells of no mail."""
        return None if self.reading.events else self.reading.note

    @property
    def claims(self) -> bool:
        """Whether it may ask anything of the suppression list."""
        return any(map(is_claim, self.reading.events))

    @property
    def pairs(self) -> list[tuple[Feedback, Match | None]]:
        return list(zip(self.reading.events, self.matches, strict=True))


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a batch is settled from: the notifications in their order, their mails as they were locked, the time."""

    read: Sequence[_Read]
    rows: Mapping[UUID, Recipient]
    now: datetime


@dataclass(slots=True)
class _Done:
    """What is written once for all notifications of a batch: where mails stand, how calls ended, what is finished."""

    rows: dict[UUID, Recipient]
    closings: dict[UUID, Closing] = field(default_factory=dict)
    finished: dict[UUID, str | None] = field(default_factory=dict)
    put_off: list[PutOff] = field(default_factory=list)
    erased: list[UUID] = field(default_factory=list)
    looked_at: int = 0


def _place(read: _Read) -> tuple[bool, str, str, str]:
    """The place of a notification in a batch, claims on the list last.

    In one order for all settlers, two never wait for each other's rows.
    """
    first = read.reading.events[0] if read.reading.events else None
    names = ((first.recipient or "").lower(), first.ses_message_id, first.kind) if first else ("", "", "")
    return read.claims, *names


def _portions(read: Sequence[_Read]) -> Iterator[Sequence[_Read]]:
    """What is settled together: all that claims nothing of the list, and then the claims, each by itself."""
    if quiet := [one for one in read if not one.claims]:
        yield quiet
    yield from ([one] for one in read if one.claims)


_Way = Callable[[Connection, Sequence[_Read], _Done, datetime], None]


class Settle:
    """Settles the inbox."""

    def __init__(
        self,
        *,
        database: Database,
        conclude: Conclude,
        unname: Unname,
        bells: Bells,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._conclude = conclude
        self._unname = unname
        self._bells = bells
        self._monotonic = monotonic

    def drain(self) -> int:
        """Settle what is due until nothing is, or some seconds have passed; how many notifications were looked at."""
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
        """Settle due notifications in one transaction, up to a hundred or for about a second; how many."""
        self._unname.make_ready()
        with self._database.transaction() as connection:
            taken = inbox.take(connection, limit=_BATCH)
            if not taken:
                return 0
            batch = self._look(connection, taken)
            done = self._settle_all(connection, batch)
            save_isolated(connection, [row for row in done.rows.values() if row != batch.rows[row.id]])
            attempts.close(connection, list(done.closings.values()))
            inbox.finish(connection, done.finished)
            inbox.put_off(connection, done.put_off)
            erasure.erase_notifications(connection, done.erased)
            return done.looked_at

    def _look(self, connection: Connection, taken: Sequence[Notification]) -> _Batch:
        read = sorted(self._read(connection, taken), key=_place)
        rows = recipients.lock(connection, {one.recipient_id for each in read for one in each.matches if one})
        return _Batch(list(self._unnamed(connection, read, rows)), rows, clock(connection))

    def _settle_all(self, connection: Connection, batch: _Batch) -> _Done:
        """Settle the batch: in one go, or when anything in it breaks, each notification by itself."""
        try:
            with connection.begin_nested():
                return self._in_time(connection, batch, _portions(batch.read), self._settle)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, only the one that it belongs to must not be settled
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
            settle(connection, portion, done, batch.now)
            done.looked_at += len(portion)
        return done

    def _read(self, connection: Connection, taken: Sequence[Notification]) -> Iterator[_Read]:
        readings = [read_notification(one.raw, received_at=one.received_at) for one in taken]
        matches = iter(match(connection, [event for reading in readings for event in reading.events]))
        for notification, reading in zip(taken, readings, strict=True):
            yield _Read(notification, reading, tuple(islice(matches, len(reading.events))))

    def _unnamed(self, connection: Connection, read: Sequence[_Read], rows: dict[UUID, Recipient]) -> Iterator[_Read]:
        """What was read, without the names of people who were forgotten."""
        pairs = [pair for one in read for pair in one.pairs]
        unnamed = self._unname(
            connection, [(event, rows.get(found.recipient_id) if found else None) for event, found in pairs]
        )
        for one in read:
            mine = list(islice(unnamed, len(one.matches)))
            reading = replace(one.reading, events=tuple(each.feedback for each in mine))
            yield replace(one, reading=reading, erases=any(each.erases for each in mine))

    def _settle_apart(self, connection: Connection, portion: Sequence[_Read], done: _Done, now: datetime) -> None:
        """Settle the one that it is, or leave nothing of it behind but a note."""
        (one,) = portion
        try:
            with connection.begin_nested():
                self._settle(connection, portion, done, now)
        except OperationalError:
            raise
        except Exception as error:
            log.exception("notification_failed", notification_id=str(one.notification.id))
            done.put_off.append(self._quarantined(connection, one.notification, error, now))

    def _settle(self, connection: Connection, portion: Sequence[_Read], done: _Done, now: datetime) -> None:
        """Settle these together: all of them or, when it raises, none."""
        news = [News(one.notification.id, event, found) for one in portion for event, found in one.pairs]
        ends = self._conclude(connection, news, done.rows, now=now)
        done.rows |= ends.moved
        done.closings |= ends.closings
        for one in portion:
            parked = None if one.erases else _parked(one, now)
            if parked is not None:
                done.put_off.append(parked)
            else:
                done.finished[one.notification.id] = one.finding
            if one.erases:
                done.erased.append(one.notification.id)

    def _quarantined(
        self, connection: Connection, notification: Notification, error: Exception, now: datetime
    ) -> PutOff:
        last = notification.tries + 1 >= _POISON_TRIES
        if last:
            detail = "A notification broke its reader five times and is set aside: see `./postern feedback`."
            incidents.note(connection, kind=POISON_NOTIFICATION, subject=type(error).__name__, detail=detail)
        return PutOff(
            id=notification.id,
            state=InboxState.QUARANTINED if last else InboxState.PARKED,
            due_at=now + _FIRST_LOOK * 2**notification.tries,
            note=f"broke its reader: {type(error).__name__}",
        )


def _parked(read: _Read, now: datetime) -> PutOff | None:
    """When to look again at what is about a mail that is not known; after a week the mail is not ours, and None."""
    notification = read.notification
    unmatched = [event for event, found in read.pairs if found is None]
    if not unmatched or now - notification.received_at > _GIVE_UP_AFTER:
        return None
    return PutOff(
        id=notification.id,
        state=InboxState.PARKED,
        due_at=now + min(_FIRST_LOOK * 2 ** min(notification.tries, 20), _LONGEST_PARK),
        note=inbox.waiting_for(unmatched[0].ses_message_id),
    )
