"""Bring back what a dead-letter queue or an archive holds: verified as ever, stored, and then deleted from the queue.

The age of a message does not count here. It protects the public URL, where anyone may post an old message again; a
queue holds what SNS wrote to it, a person decides to take it, and a message that was stored before changes nothing.
What is not stored stays in the queue, and is visible again once the command ends, however it ends.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.aws.sns.verifier import SnsMessage, SnsType, SnsVerifier
from app.aws.sqs.queue import QueueMessage, SqsQueue
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, PosternError, ServiceUnavailable, ValidationFailed
from app.queue import SETTLE, Bells
from app.services.feedback.queues.verdicts import verify
from app.services.feedback.receive import new_notification
from app.store.engine.database import Database
from app.store.feedback import notifications
from app.store.feedback.queue_positions import DUPLICATE, REFUSED, STORED
from app.store.operating import audit

SKIPPED: Final = "skipped"
"""Outside of the range of dates, or a confirmation of a subscription, which is over."""

LEFT: Final = "left"
"""Could not be verified now, for a fault that may be ours: the next run tries again."""

COUNTED: Final = (STORED, DUPLICATE, REFUSED, SKIPPED, LEFT)
WAIT_S: Final = 2
_HIDDEN_S: Final = 300
_STALE_RECEIVES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to bring back: `since` and `until` bound the time at which SNS published a notification.

    `dry_run` stores and deletes nothing; `keep` stores, and deletes nothing.
    """

    dry_run: bool = False
    keep: bool = False
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether a notification of this moment is asked for."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(slots=True)
class Redriven:
    """How many messages became what, and the reasons of those that were refused or left."""

    queue: str
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    deleted: int = 0

    @property
    def seen(self) -> int:
        """How many messages were looked at."""
        return self.counts.total()


class Redrive:
    """Brings back messages."""

    def __init__(
        self, *, database: Database, bells: Bells, verifier: SnsVerifier | None, queues: Callable[[str], SqsQueue]
    ) -> None:
        """`verifier` is None where no topic is configured; `queues` makes a queue of its URL, or raises ValueError."""
        self._database = database
        self._bells = bells
        self._verifier = verifier
        self._queues = queues

    def count(self, caller: Caller, url: str) -> int:
        """About how many messages the queue holds. Raises as a call does."""
        caller.require(Scope.ADMIN)
        return self._queue(url).count()

    def __call__(
        self, caller: Caller, url: str, order: Order, *, show: Callable[[Redriven], None] = lambda _: None
    ) -> Redriven:
        """Look at each message once, until the queue has no more to give. `show` is called after each receive.

        Raises `ValidationFailed` for a URL that is not of a queue or without a topic in the settings, and
        `ServiceUnavailable` while SQS or the database is away; what was stored by then stays stored.
        """
        caller.require(Scope.ADMIN)
        if self._verifier is None:
            raise _invalid("SNS_TOPIC_ARNS is not set: without a topic of ours, no message would be authentic.")
        one_pass = _Pass(self._database, self._bells, self._verifier, self._queue(url), order)
        try:
            one_pass.run(show)
        finally:
            one_pass.give_back()
            if one_pass.done.counts[STORED] and not order.dry_run:
                self._write_audit(caller, one_pass.done)
        return one_pass.done

    def _queue(self, url: str) -> SqsQueue:
        try:
            return self._queues(url)
        except ValueError as error:
            raise _invalid(f"The queue: {error}.") from error

    def _write_audit(self, caller: Caller, done: Redriven) -> None:
        data = {"queue": done.queue, "count": done.counts[STORED]}
        with self._database.transaction() as connection:
            audit.write(connection, actor=caller.actor, action="feedback_redrive", key=None, reason=None, data=data)


class _Pass:
    """One pass over one queue. What stays in the queue is hidden meanwhile, so that each message is received once."""

    def __init__(self, database: Database, bells: Bells, verifier: SnsVerifier, queue: SqsQueue, order: Order) -> None:
        self._database = database
        self._bells = bells
        self._verifier = verifier
        self._queue = queue
        self._order = order
        self._staying: dict[str, QueueMessage] = {}
        self._gone: set[str] = set()
        self.done = Redriven(queue.name)

    def run(self, show: Callable[[Redriven], None]) -> None:
        """Receive until nothing new comes."""
        stale = 0
        while stale < _STALE_RECEIVES:
            received = self._queue.receive(wait_s=WAIT_S, hidden_s=_HIDDEN_S)
            if not received:
                return
            fresh = [one for one in received if one.id not in self._staying and one.id not in self._gone]
            self._staying |= {one.id: one for one in received}
            stale = 0 if fresh else stale + 1
            self._take(fresh)
            show(self.done)

    def give_back(self) -> None:
        """Make visible again what was received and not deleted."""
        self._queue.hide(dict.fromkeys(self._staying.values(), 0))

    def _take(self, received: Sequence[QueueMessage]) -> None:
        wanted = [(one, message) for one in received if (message := self._verified(one)) is not None]
        found = [message for _, message in wanted]
        fresh = self._would_store(found) if self._order.dry_run else self._store(found)
        self.done.counts.update({STORED: fresh, DUPLICATE: len(found) - fresh})
        if not (self._order.dry_run or self._order.keep):
            self._delete([one for one, _ in wanted])

    def _verified(self, one: QueueMessage) -> SnsMessage | None:
        """The notification if it is authentic and asked for; else it is counted as what it is."""
        try:
            message = verify(self._verifier, one, of_any_age=True)
        except PosternError as error:
            self.done.counts[LEFT if isinstance(error, ServiceUnavailable) else REFUSED] += 1
            self.done.reasons[f"{error.reason or error.name}: {error.detail}"] += 1
            return None
        if message.type is SnsType.NOTIFICATION and self._order.covers(message.timestamp):
            return message
        self.done.counts[SKIPPED] += 1
        return None

    def _store(self, messages: Sequence[SnsMessage]) -> int:
        if not messages:
            return 0
        with self._database.transaction() as connection:
            fresh = notifications.store(connection, [new_notification(message) for message in messages])
        if fresh:
            self._bells.ring(SETTLE)
        return len(fresh)

    def _would_store(self, messages: Sequence[SnsMessage]) -> int:
        ids = {message.message_id for message in messages}
        with self._database.reading() as connection:
            return len(ids - notifications.known(connection, ids))

    def _delete(self, received: Sequence[QueueMessage]) -> None:
        self.done.deleted += self._queue.delete(received)
        for one in received:
            self._gone.add(one.id)
            del self._staying[one.id]


def _invalid(detail: str) -> ValidationFailed:
    return ValidationFailed(detail, faults=(Fault("/queue", "queue", detail),))
