"""Step 4: take in a notification from SNS. Verify it, store it, answer; it is settled later (promises 4 and 5).

This module fetches nothing that an unverified request names, and it answers 2xx only for what is committed.
"""

from collections.abc import Mapping
from enum import StrEnum

import structlog

from app import tracing
from app.aws.sns.verifier import SnsMessage, SnsType, SnsVerifier, SubscriptionConfirmer
from app.domain.errors import PosternError, ServiceUnavailable
from app.domain.feedback.rejections import Reason
from app.queue import SETTLE, Bells
from app.services.feedback.rejections import Rejections
from app.services.feedback.store_notifications import StoreNotifications
from app.store.engine.database import Database
from app.store.engine.ids import new_id
from app.store.feedback.notifications import NewNotification
from app.store.operating import incidents

log = structlog.get_logger()


class Receipt(StrEnum):
    """What became of a notification."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class Receive:
    """Verifies and stores notifications."""

    def __init__(
        self,
        *,
        database: Database,
        verifier: SnsVerifier,
        confirmer: SubscriptionConfirmer,
        bells: Bells,
    ) -> None:
        self._database = database
        self._verifier = verifier
        self._confirmer = confirmer
        self._bells = bells
        self._store_notifications = StoreNotifications(database)
        self._rejections = Rejections(database)

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Verify and store one request. `headers` are those of the request, in any case.

        Raises `NotAuthentic` and `MalformedNotification`, which SNS takes as final, and `ServiceUnavailable`, which it
        retries. Each is logged with its `reason`, and repeated ones raise an incident.
        """
        try:
            with tracing.span("receive"):
                return self._take_in(self._verifier.verify(body, headers))
        except PosternError as error:
            self.report(error, headers)
            raise

    def report(self, error: PosternError, headers: Mapping[str, str]) -> None:
        """Log why a request was not stored, including one whose body could not be read."""
        if isinstance(error, ServiceUnavailable) and error.reason is None:
            error.reason = Reason.NOT_STORED
        self._rejections.report(error, topic_arn=self._verifier.topic_named_in(headers))

    def _take_in(self, message: SnsMessage) -> Receipt:
        return self._store(message) if message.type is SnsType.NOTIFICATION else self.answer(message)

    def answer(self, message: SnsMessage) -> Receipt:
        """Confirm a subscription, or note that one has ended. Raises `ServiceUnavailable`: then it is asked again."""
        if message.type is SnsType.SUBSCRIPTION_CONFIRMATION:
            return self._confirm(message)
        return self._note_unsubscribed(message)

    def _store(self, message: SnsMessage) -> Receipt:
        committed = self._store_notifications(new_notification(message))
        if any(committed.to_ring):
            self._bells.ring(SETTLE)
        return Receipt.STORED if committed.outcome else Receipt.DUPLICATE

    def _confirm(self, message: SnsMessage) -> Receipt:
        self._confirmer.confirm(message)
        log.info("subscription_confirmed", topic_arn=message.topic_arn)
        return Receipt.CONFIRMED

    def _note_unsubscribed(self, message: SnsMessage) -> Receipt:
        """Note that the subscription was removed: only a person can know whether that was intended."""
        with self._database.transaction() as connection:
            incidents.note(
                connection,
                kind="feedback_unsubscribed",
                subject=message.topic_arn,
                detail="The subscription of this gateway to its topic was removed; no notifications arrive any more.",
            )
        log.error("feedback_unsubscribed", topic_arn=message.topic_arn)
        return Receipt.UNSUBSCRIBED


def new_notification(message: SnsMessage) -> NewNotification:
    """The row of the inbox for a verified notification."""
    return NewNotification(
        id=new_id(),
        sns_message_id=message.message_id,
        topic_arn=message.topic_arn,
        kind=message.type,
        raw=message.message,
        published_at=message.timestamp,
    )
