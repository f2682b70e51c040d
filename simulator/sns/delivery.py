"""Deliveries to subscribed endpoints: a POST, retried as SNS would, or a message in a queue; every try is logged.

It decides what is retried, lost or dead-lettered.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from simulator.events.background_work import BackgroundWork
from simulator.http.client import HttpPoster
from simulator.sns.queue_delivery import QueueDelivery
from simulator.sns.retries import is_retryable
from simulator.sns.topics import Subscription
from simulator.timestamps import iso_millis

MAX_CONCURRENT_POSTS = 64
LOG_LENGTH = 10_000


class DeliveryState(StrEnum):
    """`lost` is gone for good; `dead_letter` waits in the subscription's dead-letter queue."""

    PENDING = "pending"
    DELIVERED = "delivered"
    LOST = "lost"
    DEAD_LETTER = "dead_letter"


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One message on its way to one endpoint; `tries` holds a time and a status or an error for each POST."""

    sns_message_id: str
    message_type: str
    topic_arn: str
    subscription_arn: str
    endpoint: str
    state: DeliveryState = DeliveryState.PENDING
    tries: list[dict[str, Any]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """Return the delivery for the control surface."""
        return {
            "sns_message_id": self.sns_message_id,
            "type": self.message_type,
            "topic_arn": self.topic_arn,
            "subscription_arn": self.subscription_arn,
            "endpoint": self.endpoint,
            "state": self.state.value,
            "tries": self.tries,
        }


class Courier:
    """Delivers messages to endpoints, and keeps a log of the deliveries."""

    def __init__(
        self,
        *,
        poster: HttpPoster,
        queues: QueueDelivery,
        background_work: BackgroundWork,
        timeout: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._poster = poster
        self._queues = queues
        self._background_work = background_work
        self._timeout = timeout
        self._clock = clock
        self._posts = asyncio.Semaphore(MAX_CONCURRENT_POSTS)
        self._log: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        self._ended: Counter[DeliveryState] = Counter()
        self._pending = 0
        self._tries = 0
        self.dead_letters: list[dict[str, Any]] = []

    def carry(
        self, subscription: Subscription, envelope: Mapping[str, str], delays: Sequence[float]
    ) -> asyncio.Task[None]:
        """Start one delivery; `delays` are the seconds before each further try."""
        delivery = Delivery(
            sns_message_id=envelope["MessageId"],
            message_type=envelope["Type"],
            topic_arn=subscription.topic_arn,
            subscription_arn=subscription.arn,
            endpoint=subscription.endpoint,
        )
        self._log.append(delivery)
        self._pending += 1
        body = _body(subscription, envelope)
        return self._background_work.spawn(self._deliver(delivery, subscription, body, delays))

    def counts(self) -> dict[str, int]:
        """Return how many deliveries are in each state, and how many POSTs there were."""
        ended = {state.value: self._ended[state] for state in DeliveryState if state is not DeliveryState.PENDING}
        return {"pending": self._pending, **ended, "tries": self._tries}

    def log(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest deliveries, oldest first."""
        return [delivery.described() for delivery in list(self._log)[-limit:]] if limit > 0 else []

    async def _deliver(
        self, delivery: Delivery, subscription: Subscription, body: str, delays: Sequence[float]
    ) -> None:
        try:
            if subscription.protocol == "sqs":
                delivered = self._put(delivery, subscription, body)
            else:
                delivered = await self._try_all(delivery, subscription, body.encode(), delays)
        finally:
            self._pending -= 1
        if delivered:
            delivery.state = DeliveryState.DELIVERED
        elif subscription.attributes.get("RedrivePolicy"):
            delivery.state = DeliveryState.DEAD_LETTER
            self._queues.put_lost(subscription, body)
            self.dead_letters.append(delivery.described() | {"body": body if subscription.raw else json.loads(body)})
        else:
            delivery.state = DeliveryState.LOST
        self._ended[delivery.state] += 1

    def _put(self, delivery: Delivery, subscription: Subscription, body: str) -> bool:
        error = self._queues.put(subscription.endpoint, body, topic_arn=subscription.topic_arn)
        outcome = {"status": 200} if error is None else {"error": error}
        self._tries += 1
        delivery.tries.append({"time": iso_millis(self._clock())} | outcome)
        return error is None

    async def _try_all(
        self, delivery: Delivery, subscription: Subscription, body: bytes, delays: Sequence[float]
    ) -> bool:
        """Return whether one try was answered with 2xx."""
        for delay in (0.0, *delays):
            if delay:
                await asyncio.sleep(delay)
            status = await self._try_once(delivery, subscription, body)
            if status is not None and 200 <= status < 300:
                return True
            if status is not None and not is_retryable(status):
                return False
        return False

    async def _try_once(self, delivery: Delivery, subscription: Subscription, body: bytes) -> int | None:
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
            "Connection": "Keep-Alive",
            "x-amz-sns-message-type": delivery.message_type,
            "x-amz-sns-message-id": delivery.sns_message_id,
            "x-amz-sns-topic-arn": delivery.topic_arn,
        }
        if delivery.message_type != "SubscriptionConfirmation":
            headers["x-amz-sns-subscription-arn"] = delivery.subscription_arn
        attempt: dict[str, Any] = {"time": iso_millis(self._clock())}
        self._tries += 1
        try:
            async with self._posts:
                attempt["status"] = await self._poster.post(
                    subscription.endpoint, headers=headers, body=body, seconds=self._timeout
                )
        except (OSError, EOFError, ValueError, IndexError) as error:
            # TimeoutError is an OSError; the last two mean that the answer is not HTTP.
            attempt["error"] = type(error).__name__
        delivery.tries.append(attempt)
        return attempt.get("status")


def _body(subscription: Subscription, envelope: Mapping[str, str]) -> str:
    return envelope["Message"] if subscription.raw else json.dumps(envelope, ensure_ascii=False, indent=2)
