"""Judge messages again that were refused and kept aside: a setting may be right by now, or a fault of ours mended.

They are verified as ever, but may be of any age: a person asks for it. What is authentic now is stored and leaves the
table; what is not stays as it is.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.aws.sns.verifier import SnsType, SnsVerifier
from app.aws.sqs.queue import QueueMessage
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import NotFound, PosternError
from app.queue import SETTLE, Bells
from app.services.feedback.queues.verdicts import verify
from app.services.feedback.receive import new_notification
from app.store.engine.database import Database
from app.store.feedback import notifications, refused_messages
from app.store.feedback.notifications import NewNotification
from app.store.feedback.queue_positions import DUPLICATE, REFUSED, STORED
from app.store.operating import audit

MOST_AT_ONCE: Final = refused_messages.MOST


class RetryRefused:
    """Judges them again."""

    def __init__(self, *, database: Database, bells: Bells, verifier: SnsVerifier | None) -> None:
        """`verifier` is None where no topic is configured: then nothing is authentic."""
        self._database = database
        self._bells = bells
        self._verifier = verifier

    def __call__(self, caller: Caller, refused_id: UUID | None = None, *, reason: str | None = None) -> Counter[str]:
        """How many were stored, had been stored before, and are refused again; of all, or of one. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        counts: Counter[str] = Counter()
        for one in self._ids() if refused_id is None else [refused_id]:
            counts[self._retry(caller, one, reason)] += 1
        if counts[STORED]:
            self._bells.ring(SETTLE)
        return counts

    def _ids(self) -> Sequence[UUID]:
        with self._database.reading() as connection:
            return [one.id for one in refused_messages.newest(connection, limit=MOST_AT_ONCE)]

    def _retry(self, caller: Caller, refused_id: UUID, reason: str | None) -> str:
        with self._database.reading() as connection:
            found = refused_messages.find(connection, refused_id)
        if found is None:
            raise NotFound("There is no such message.")
        new = self._authentic(found[1])
        if new is None:
            return REFUSED
        with self._database.transaction() as connection:
            fresh = notifications.store(connection, [new])
            refused_messages.remove(connection, refused_id)
            data = {"refused_id": str(refused_id), "notification_id": str(new.id)}
            audit.write(connection, actor=caller.actor, action="refused_retry", key=None, reason=reason, data=data)
        return STORED if fresh else DUPLICATE

    def _authentic(self, body: str) -> NewNotification | None:
        if self._verifier is None:
            return None
        try:
            message = verify(self._verifier, QueueMessage(id="", receipt="", body=body), of_any_age=True)
        except PosternError:
            return None
        return new_notification(message) if message.type is SnsType.NOTIFICATION else None
