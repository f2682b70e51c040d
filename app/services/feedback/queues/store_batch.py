"""Store what a receive brought in one commit: notifications, refused messages, incidents, and the poller's position.

Nothing is deleted from a queue before this has committed (promise 4).
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Connection

from app.aws.sqs.queue import QueueMessage
from app.domain.errors import ServiceUnavailable
from app.queue import SETTLE, Bells
from app.services.feedback.queues.verdicts import Answered, Left, Refused, Stored, Verdict, crashed
from app.store.engine.database import Database
from app.store.feedback import notifications, queue_positions, refused_messages
from app.store.feedback.queue_positions import DELETED, DUPLICATE, RECEIVED, REFUSED, STORED, QueuePosition
from app.store.feedback.refused_messages import NewRefused
from app.store.operating import incidents
from app.store.operating.incidents import Noted

log = structlog.get_logger()

MESSAGE_REFUSED: Final = "queue_message_refused"
MESSAGE_WAITS: Final = "queue_message_waits"
_NOTE_EVERY_S: Final = 60.0
_WAITS_SINCE_RECEIVES: Final = 3

Judged = Mapping[QueueMessage, Verdict]
_SEE: Final = "see `./postern feedback refused`"


@dataclass(slots=True)
class Poller:
    """One poller of one queue, its lease, and what it has counted so far.

    `deleted` is how many messages were deleted since the counts were written.
    """

    queue: str
    region: str
    cursor: str
    holder: UUID
    lease: timedelta
    counts: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    holds: bool = False


class StoreBatch:
    """Stores batches. One per process, for all its pollers."""

    def __init__(self, *, database: Database, bells: Bells, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._bells = bells
        self._monotonic = monotonic
        self._noted_at: dict[tuple[str, str], float] = {}

    def __call__(self, judged: Judged, poller: Poller) -> Judged:
        """Commit, and return the verdicts as they were carried out. Raises `ServiceUnavailable`: perhaps committed.

        If the commit fails for any other reason, each message is committed by itself, and the one that fails again
        counts as one that made our code fail.
        """
        try:
            return self._together(judged, poller)
        except ServiceUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - any error concerns one of the messages
            log.info("queue_messages_stored_one_by_one", queue=poller.queue, error=type(error).__name__)
        done: dict[QueueMessage, Verdict] = {}
        for message, verdict in judged.items():
            done.update(self._alone(message, verdict, poller))
        return done

    def note_trouble(self, kind: str, poller: Poller, detail: str) -> None:
        """Note an incident about the queue, once a minute at most. Raises `ServiceUnavailable`."""
        if noted := self._due(kind, poller, detail):
            with self._database.transaction() as connection:
                incidents.note_all(connection, noted)

    def _alone(self, message: QueueMessage, verdict: Verdict, poller: Poller) -> Judged:
        try:
            return self._together({message: verdict}, poller)
        except ServiceUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - any error concerns this message alone
            return self._together({message: crashed(message, error)}, poller)

    def _together(self, judged: Judged, poller: Poller) -> Judged:
        new = [verdict.new for verdict in judged.values() if isinstance(verdict, Stored)]
        refused = {one: verdict for one, verdict in judged.items() if isinstance(verdict, Refused)}
        noted = self._incidents(judged, poller)
        with self._database.transaction() as connection:
            fresh = notifications.store(connection, new)
            aside = refused_messages.add(connection, [_aside(*each, poller.queue) for each in refused.items()])
            incidents.note_all(connection, noted)
            more = {RECEIVED: len(judged), STORED: len(fresh), DUPLICATE: len(new) - len(fresh), REFUSED: aside}
            counts, holds = keep(connection, poller, more, judged)
        poller.counts, poller.deleted, poller.holds = counts, 0, holds
        if fresh:
            self._bells.ring(SETTLE)
        _log(judged, poller)
        return judged

    def _incidents(self, judged: Judged, poller: Poller) -> list[Noted]:
        refused = [verdict for verdict in judged.values() if isinstance(verdict, Refused)]
        waiting = [
            verdict
            for message, verdict in judged.items()
            if isinstance(verdict, Left) and message.receives >= _WAITS_SINCE_RECEIVES
        ]
        noted: list[Noted] = []
        if refused:
            last = refused[-1]
            detail = (
                f"Messages of this queue were refused and are kept aside: {_SEE}. The last one: {last.detail} "
                f"({last.reason})."
            )
            noted.append(Noted(kind=MESSAGE_REFUSED, subject=poller.queue, detail=detail))
        if waiting:
            last_left = waiting[-1]
            detail = (
                "Messages of this queue cannot be stored now, and stay in it. The last one: "
                f"{last_left.detail} ({last_left.reason})."
            )
            noted += self._due(MESSAGE_WAITS, poller, detail)
        return noted

    def _due(self, kind: str, poller: Poller, detail: str) -> list[Noted]:
        """The incident, unless it was noted within the last minute."""
        now = self._monotonic()
        noted_at = self._noted_at.get((kind, poller.cursor))
        if noted_at is not None and now - noted_at < _NOTE_EVERY_S:
            return []
        self._noted_at[kind, poller.cursor] = now
        return [Noted(kind=kind, subject=poller.queue, detail=detail)]


def keep(
    connection: Connection, poller: Poller, more: Mapping[str, int], received: Collection[QueueMessage]
) -> tuple[Counter[str], bool]:
    """Write the position of a poll that brought these messages, and renew the lease.

    Returns the counts that were written, and whether the lease still is this poller's.
    """
    counts = poller.counts + Counter(more) + Counter({DELETED: poller.deleted})
    oldest = min((one.sent_at for one in received if one.sent_at is not None), default=None)
    position = QueuePosition(queue=poller.queue, region=poller.region, counts=counts, oldest_sent_at=oldest)
    holds = queue_positions.keep(connection, poller.cursor, position, holder=poller.holder, lease=poller.lease)
    return counts, holds


def _aside(message: QueueMessage, verdict: Refused, queue: str) -> NewRefused:
    return NewRefused(
        queue=queue,
        message_id=message.id,
        reason=verdict.reason,
        detail=verdict.detail,
        body=message.body,
        sent_at=message.sent_at,
    )


def _log(judged: Judged, poller: Poller) -> None:
    for message, verdict in judged.items():
        if isinstance(verdict, Stored | Answered):
            continue
        event = {"queue": poller.queue, "message_id": message.id, "reason": verdict.reason, "detail": verdict.detail}
        if isinstance(verdict, Refused):
            log.warning("queue_message_refused", **event)
        else:
            log.warning("queue_message_left", receives=message.receives, **event)
