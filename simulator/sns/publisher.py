"""Publishing: signs a text in an envelope and starts its delivery to every confirmed endpoint of a topic.

It decides the fields of the envelope. https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

from simulator.iam.arns import dns_suffix
from simulator.sns.delivery import Courier
from simulator.sns.errors import authorization_error
from simulator.sns.permissions import ses_may_publish
from simulator.sns.retries import healthy_policy, retry_delays
from simulator.sns.signing import Signer
from simulator.sns.topics import Subscription, Topic, Topics
from simulator.timestamps import iso_millis


class Publisher:
    """Signs messages of a topic and hands them to the courier."""

    def __init__(
        self,
        *,
        topics: Topics,
        signer: Signer,
        courier: Courier,
        region: str,
        account_id: str,
        retry_delay: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._topics = topics
        self._signer = signer
        self._courier = courier
        self._account_id = account_id
        self._service_url = f"https://sns.{region}.{dns_suffix(region)}/"
        self._retry_delay = retry_delay
        self._clock = clock

    def publish(
        self, topic_arn: str, message: str, *, subject: str | None = None, deliveries: int = 1
    ) -> tuple[str, list[asyncio.Task[None]]]:
        """Start the deliveries of a notification, each `deliveries` times; return its message id and the tasks.

        A subscription with a filter policy gets nothing: messages have no attributes here.
        Raises SnsError when there is no such topic.
        """
        topic = self._topics.topic(topic_arn)
        envelope = self._envelope(topic, "Notification", message)
        if subject is not None:
            envelope["Subject"] = subject
        taking = [each for each in self._topics.subscriptions(topic_arn) if each.takes_messages]
        if not taking:
            return envelope["MessageId"], []
        signed = self._signer.signed(envelope, topic.signature_version)
        tasks: list[asyncio.Task[None]] = []
        for subscription in taking:
            url = f"{self._service_url}?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
            message_to_it = signed | {"UnsubscribeURL": url}
            tasks.extend(self._carry(topic, subscription, message_to_it) for _ in range(deliveries))
        return envelope["MessageId"], tasks

    def publish_for_ses(
        self, topic_arn: str, message: str, *, source_arn: str, subject: str | None = None, deliveries: int = 1
    ) -> list[asyncio.Task[None]]:
        """Start the deliveries of what SES reports about a configuration set or identity; return the tasks.

        Raises SnsError when there is no such topic, and when its policy does not let SES publish.
        """
        topic = self._topics.topic(topic_arn)
        if not ses_may_publish(topic, account_id=self._account_id, source_arn=source_arn):
            raise authorization_error(f"ses.amazonaws.com may not publish to {topic_arn} for {source_arn}")
        return self.publish(topic_arn, message, subject=subject, deliveries=deliveries)[1]

    def ask_to_confirm(self, subscription: Subscription) -> None:
        """Start the delivery of the SubscriptionConfirmation."""
        self._send_handshake(
            subscription,
            "SubscriptionConfirmation",
            f"You have chosen to subscribe to the topic {subscription.topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
        )

    def tell_unsubscribed(self, subscription: Subscription) -> None:
        """Start the delivery of the UnsubscribeConfirmation."""
        self._send_handshake(
            subscription,
            "UnsubscribeConfirmation",
            f"You have chosen to deactivate subscription {subscription.arn}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message.",
        )

    def _send_handshake(self, subscription: Subscription, message_type: str, message: str) -> None:
        topic = self._topics.topic(subscription.topic_arn)
        envelope = self._envelope(topic, message_type, message) | {
            "Token": subscription.token,
            "SubscribeURL": f"{self._service_url}?Action=ConfirmSubscription"
            f"&TopicArn={quote(topic.arn, safe=':')}&Token={subscription.token}",
        }
        self._carry(topic, subscription, self._signer.signed(envelope, topic.signature_version))

    def _envelope(self, topic: Topic, message_type: str, message: str) -> dict[str, str]:
        return {
            "Type": message_type,
            "MessageId": str(uuid4()),
            "TopicArn": topic.arn,
            "Message": message,
            "Timestamp": iso_millis(self._clock()),
        }

    def _carry(self, topic: Topic, subscription: Subscription, envelope: dict[str, str]) -> asyncio.Task[None]:
        policy = healthy_policy(subscription.attributes.get("DeliveryPolicy"), topic.attributes.get("DeliveryPolicy"))
        return self._courier.carry(subscription, envelope, retry_delays(policy, self._retry_delay))
