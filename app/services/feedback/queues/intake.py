"""The intake: one poller of one queue. It receives, stores, and only then deletes (promise 4).

One process at a time polls with it, by a lease in SQL that is renewed with each poll. No lease means no receive: while
the database is away, messages stay visible and their receives are not counted. A fault of ours leaves a message in the
queue, to be tried again later.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Final
from uuid import UUID

import structlog

from app.aws.sqs.queue import QueueMessage, QueueUnavailable, SqsQueue
from app.domain.errors import ServiceUnavailable
from app.services.feedback.queues.store_batch import Judged, Poller, StoreBatch, keep
from app.services.feedback.queues.verdicts import Judge, Left
from app.services.feedback.queues.visibility import HIDDEN_S, kept_hidden, wait_of
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.feedback import queue_positions
from app.store.feedback.queue_positions import cursor_of

log = structlog.get_logger()

NOT_POLLED: Final = "queue_not_polled"
LEASE: Final = timedelta(seconds=15)
"""Longer than a poll takes; after a kill -9 another process polls within this and `STANDBY_S`."""

STANDBY_S: Final = 3.0
POLL_S: Final = 5
"""Below the 20 s that SQS allows: a poller that stops leaves its poll to its fate, and its lease has to outlast it."""

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_STORE_TRIES: Final = 8
_TROUBLES_OF_AN_INCIDENT: Final = 5


@dataclass(slots=True)
class Backoff:
    """Pauses that double from 1 to 30 s, each shortened at random by up to half."""

    jitter: Callable[[], float] = random.random
    failures: int = field(default=0, init=False)

    def next_s(self) -> float:
        """The pause after one more failure."""
        bound = min(_FIRST_PAUSE_S * (1 << min(self.failures, 20)), _LONGEST_PAUSE_S)
        self.failures += 1
        return bound * (1 - self.jitter() / 2)

    def reset(self) -> None:
        """Begin anew, after a success."""
        self.failures = 0


class QueueIntake:
    """One poller of one queue in this process. `turn` is for one thread; `stop` and `release` may come from another.

    `receiving`: it waits for an answer of SQS, and holds no message.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue: SqsQueue,
        judge: Judge,
        store: StoreBatch,
        poller: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._queue = queue
        self._judge = judge
        self._store = store
        self._over = threading.Event()
        self.receiving = False
        self._backoff, self._jitter = Backoff(jitter), jitter
        self.poller = Poller(
            queue=queue.name,
            region=queue.region,
            cursor=cursor_of(queue.url, poller),
            holder=new_id(),
            lease=LEASE,
        )

    @property
    def holder(self) -> UUID:
        """The name under which this poller takes its lease."""
        return self.poller.holder

    def turn(self) -> float:
        """Poll once, if no other process does. How many seconds to pause before the next turn. It never raises."""
        try:
            if not (self.poller.holds or self._take()):
                return STANDBY_S
            progress = self._poll()
        except QueueUnavailable as error:
            log.warning("queue_not_polled", queue=self._queue.name, detail=error.detail)
            self._note(error)
        except ServiceUnavailable as error:
            log.warning("queue_waits_for_database", queue=self._queue.name, detail=self._database.trouble(error))
        except Exception:
            log.exception("queue_turn_failed", queue=self._queue.name)
        else:
            if progress:
                self._backoff.reset()
                return 0.0
        self.poller.holds = False  # a pause may outlast the lease
        return self._backoff.next_s()

    def stop(self) -> None:
        """Take in nothing more: what the present poll brings is given back to the queue."""
        self._over.set()

    def release(self) -> None:
        """Let another process poll at once. If the database is away, that has to wait for the lease to end."""
        if not self.poller.holds:
            return
        self.poller.holds = False
        try:
            with self._database.transaction() as connection:
                queue_positions.free(connection, self.poller.cursor, holder=self.holder)
        except ServiceUnavailable:
            log.info("queue_lease_not_released", queue=self._queue.name)

    def _take(self) -> bool:
        with self._database.transaction() as connection:
            counts = queue_positions.take(connection, self.poller.cursor, holder=self.holder, lease=LEASE)
        if counts is not None:
            self.poller.counts, self.poller.holds = counts, True
        return counts is not None

    def _poll(self) -> bool:
        """Whether the poll succeeded and, if it brought messages, at least one of them left the queue."""
        self.receiving = True
        try:
            messages = self._queue.receive(wait_s=POLL_S, hidden_s=HIDDEN_S)
        finally:
            self.receiving = False
        if self._over.is_set():
            self._queue.hide(dict.fromkeys(messages, 0))
            return True
        if not messages:
            self._keep_position()
            return True
        return self._take_in(messages)

    def _keep_position(self) -> None:
        with self._database.transaction() as connection:
            counts, holds = keep(connection, self.poller, {}, ())
        self.poller.counts, self.poller.deleted, self.poller.holds = counts, 0, holds

    def _take_in(self, messages: tuple[QueueMessage, ...]) -> bool:
        with kept_hidden(self._queue, messages):
            judged = self._stored({one: self._judge(one) for one in messages})
        done = [one for one, verdict in judged.items() if not isinstance(verdict, Left)]
        left = {one: wait_of(one.receives) for one, verdict in judged.items() if isinstance(verdict, Left)}
        self.poller.deleted += self._queue.delete(done)
        self._queue.hide(left)
        return bool(done)

    def _stored(self, judged: Judged) -> Judged:
        """Commit, and try again while the database is away; then raise, and the messages come back to the queue."""
        pauses = Backoff(self._jitter)
        for tries in count(1):
            try:
                return self._store(judged, self.poller)
            except ServiceUnavailable:
                if tries == _STORE_TRIES or self._over.wait(pauses.next_s()):
                    self._queue.hide({one: wait_of(one.receives) for one in judged})
                    raise
        raise AssertionError("the loop ends by itself")

    def _note(self, error: QueueUnavailable) -> None:
        """Note an incident when SQS has failed several times in a row, and give another host its turn to reach it."""
        try:
            if self._backoff.failures >= _TROUBLES_OF_AN_INCIDENT:
                detail = f"No notification comes from this queue while it cannot be polled: {error.detail}."
                self._store.note_trouble(NOT_POLLED, self.poller, detail)
        except ServiceUnavailable:
            log.info("queue_trouble_not_noted", queue=self._queue.name)
        if self._backoff.failures:
            self.release()
