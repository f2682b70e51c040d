"""Step 5: settle stored notifications: read each, find the mails that it is about, and draw the conclusions.

Each is settled in a savepoint of its own, so that a poison one delays nobody. An event about a mail that is not known
yet (SES may be quicker than our own commit) takes effect on the address at once and is parked until the mail is known.
"""

import time
from collections.abc import Callable, Iterator, Sequence
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
from app.queue import SETTLE, Bells
from app.services.conclude import Conclude
from app.services.isolate import save_isolated
from app.services.match import Match, match
from app.services.unname import Unname
from app.store import attempts, erasure, inbox, incidents, recipients
from app.store.attempts import Closing
from app.store.db import Database, clock
from app.store.inbox import InboxState, Notification
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
    def pairs(self) -> list[tuple[Feedback, Match | None]]:
        return list(zip(self.reading.events, self.matches, strict=True))


@dataclass(slots=True)
class _Batch:
    """What is written once for all notifications of a batch: where mails stand, how calls ended, what is finished."""

    rows: dict[UUID, Recipient]
    closings: dict[UUID, Closing] = field(default_factory=dict)
    finished: list[UUID] = field(default_factory=list)
    erased: list[UUID] = field(default_factory=list)


def _place(read: _Read) -> tuple[str, str]:
    """The place of a notification in a batch: in one order for all settlers, two never wait for each other's rows."""
    first = read.reading.events[0] if read.reading.events else None
    return ((first.recipient or "").lower(), first.ses_message_id) if first else ("", "")


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
            now = clock(connection)
            taken = inbox.take(connection, limit=_BATCH)
            read = sorted(self._read(connection, taken), key=_place)
            known = {one.recipient_id for each in read for one in each.matches if one}
            rows = recipients.lock(connection, known)
            return self._settle_in_time(connection, list(self._unnamed(connection, read, rows)), rows, now)

    def _settle_in_time(
        self, connection: Connection, read: Sequence[_Read], rows: dict[UUID, Recipient], now: datetime
    ) -> int:
        """Settle one after another until all are settled or the time is up; how many were looked at."""
        ends = self._monotonic() + _BATCH_S
        batch = _Batch(dict(rows))
        looked_at = 0
        for one in read:
            if looked_at and self._monotonic() >= ends:
                break
            looked_at += 1
            if self._settle(connection, one, batch, now):
                batch.finished.append(one.notification.id)
                batch.erased += [one.notification.id] if one.erases else []
        save_isolated(connection, [row for row in batch.rows.values() if row != rows[row.id]])
        attempts.close(connection, list(batch.closings.values()))
        inbox.finish(connection, batch.finished)
        erasure.erase_notifications(connection, batch.erased)
        return looked_at

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

    def _settle(self, connection: Connection, read: _Read, batch: _Batch, now: datetime) -> bool:
        """Whether the notification is finished with nothing more to say; otherwise its row says why."""
        try:
            with connection.begin_nested():
                moved, closings = self._conclude_all(connection, read, batch.rows, now)
        except OperationalError:
            raise
        except Exception as error:
            log.exception("notification_failed", notification_id=str(read.notification.id))
            self._quarantine(connection, read.notification, error, now)
            return False
        batch.rows |= moved
        batch.closings |= closings
        if not read.reading.events:
            inbox.finish(connection, [read.notification.id], note=read.reading.note)
            return False
        unmatched = [event for event, found in read.pairs if found is None]
        return not unmatched or read.erases or self._park(connection, read.notification, unmatched, now)

    def _conclude_all(
        self, connection: Connection, read: _Read, rows: dict[UUID, Recipient], now: datetime
    ) -> tuple[dict[UUID, Recipient], dict[UUID, Closing]]:
        moved: dict[UUID, Recipient] = {}
        closings: dict[UUID, Closing] = {}
        for event, found in read.pairs:
            recipient = (moved.get(found.recipient_id) or rows.get(found.recipient_id)) if found else None
            end = self._conclude(connection, read.notification, event, match=found, recipient=recipient, now=now)
            if end.recipient is not None:
                moved[end.recipient.id] = end.recipient
            if end.closing is not None:
                closings[end.closing.id] = end.closing
        return moved, closings

    def _park(
        self, connection: Connection, notification: Notification, unmatched: Sequence[Feedback], now: datetime
    ) -> bool:
        """Look again later; after a week the mail is not ours, and the notification is finished."""
        if now - notification.received_at > _GIVE_UP_AFTER:
            return True
        wait = min(_FIRST_LOOK * 2 ** min(notification.tries, 20), _LONGEST_PARK)
        inbox.put_off(
            connection,
            notification.id,
            state=InboxState.PARKED,
            due_at=now + wait,
            note=inbox.waiting_for(unmatched[0].ses_message_id),
        )
        return False

    def _quarantine(self, connection: Connection, notification: Notification, error: Exception, now: datetime) -> None:
        last = notification.tries + 1 >= _POISON_TRIES
        if last:
            detail = "A notification broke its reader five times and is set aside: see `./postern feedback`."
            incidents.note(connection, kind=POISON_NOTIFICATION, subject=type(error).__name__, detail=detail)
        inbox.put_off(
            connection,
            notification.id,
            state=InboxState.QUARANTINED if last else InboxState.PARKED,
            due_at=now + _FIRST_LOOK * 2**notification.tries,
            note=f"broke its reader: {type(error).__name__}",
        )
