"""Step 4: take a notification of SNS in. Verify it, store it, answer; conclusions are drawn later (promises 4 and 5).

It fetches nothing that a request names, and it answers 2xx only for what is committed.
"""

from collections.abc import Mapping
from enum import StrEnum

import structlog

from app.aws.sns import SnsMessage, SnsType, SnsVerifier, SubscriptionConfirmer
from app.queue import SETTLE, Bells
from app.services.store_news import StoreNews
from app.store import incidents
from app.store.db import Database
from app.store.ids import new_id
from app.store.inbox import NewNotification

log = structlog.get_logger()


class Receipt(StrEnum):
    """What became of a notification."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class Receive:
    """Takes notifications in."""

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
        self._store_news = StoreNews(database)

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Verify and store. `headers` are those of the request, whatever their case.

        Raises `NotAuthentic` and `MalformedNotification`, which SNS takes as final, and `ServiceUnavailable`, which it
        retries.
        """
        message = self._verifier.verify(body, headers)
        match message.type:
            case SnsType.NOTIFICATION:
                return self._store(message)
            case SnsType.SUBSCRIPTION_CONFIRMATION:
                return self._confirm(message)
        return self._mourn(message)

    def _store(self, message: SnsMessage) -> Receipt:
        filed = self._store_news(_new(message))
        if filed.rings:
            self._bells.ring(SETTLE)
        if filed.failure is not None:
            raise filed.failure
        return Receipt.STORED if filed.fresh else Receipt.DUPLICATE

    def _confirm(self, message: SnsMessage) -> Receipt:
        self._confirmer.confirm(message)
        log.info("subscription_confirmed", topic_arn=message.topic_arn)
        return Receipt.CONFIRMED

    def _mourn(self, message: SnsMessage) -> Receipt:
        """The feed of bounces and complaints has been switched off: only a person can know whether that was meant."""
        with self._database.transaction() as connection:
            incidents.note(
                connection,
                kind="feedback_unsubscribed",
                subject=message.topic_arn,
                detail="The subscription of this gateway to its topic was removed; no feedback arrives any more.",
            )
        log.error("feedback_unsubscribed", topic_arn=message.topic_arn)
        return Receipt.UNSUBSCRIBED


def _new(message: SnsMessage) -> NewNotification:
    return NewNotification(
        id=new_id(),
        sns_message_id=message.message_id,
        topic_arn=message.topic_arn,
        kind=message.type,
        raw=message.message,
        published_at=message.timestamp,
    )
