"""Topics and subscriptions, and the handshake that confirms a subscription. It sends nothing."""

import re
import secrets
from dataclasses import dataclass, field
from uuid import uuid4

from simulator.sns.errors import authorization_error, invalid_parameter, sns_not_found

SIGNATURE_VERSIONS = ("1", "2")

_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(slots=True, kw_only=True)
class Topic:
    """A standard topic; `attributes` are as set by callers."""

    arn: str
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def signature_version(self) -> str:
        """Return "1" (SNS's default, SHA-1) or "2" (SHA-256)."""
        return self.attributes.get("SignatureVersion", "1")


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One endpoint of one topic; it gets notifications once it is `confirmed`."""

    arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    token: str
    confirmed: bool = False
    authenticated_unsubscribe: bool = False
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bool:
        """Return whether it gets the bare message instead of the envelope."""
        return self.attributes.get("RawMessageDelivery") == "true"


def new_token() -> str:
    """Return a confirmation token in SNS's form."""
    return "2336412f37" + secrets.token_hex(100)


class Topics:
    """All topics of the account in one region, and their subscriptions."""

    def __init__(self, *, region: str, account_id: str) -> None:
        self._arn_prefix = f"arn:aws:sns:{region}:{account_id}:"
        self._queue_arn_prefix = f"arn:aws:sqs:{region}:{account_id}:"
        self._topics: dict[str, Topic] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._by_token: dict[str, Subscription] = {}

    def create(self, name: str, attributes: dict[str, str]) -> Topic:
        """Return the topic with this name; create it if there is none."""
        if not _TOPIC_NAME.fullmatch(name):
            raise invalid_parameter("Topic Name")
        topic = self._topics.setdefault(name, Topic(arn=self._arn_prefix + name))
        for attribute, value in attributes.items():
            self.set_topic_attribute(topic.arn, attribute, value)
        return topic

    def delete(self, arn: str) -> None:
        """Remove the topic and its subscriptions, if it exists."""
        self._topics.pop(arn.removeprefix(self._arn_prefix), None)
        for subscription in self.subscriptions(arn):
            del self._subscriptions[subscription.arn]

    def topics(self) -> list[Topic]:
        """Return every topic."""
        return list(self._topics.values())

    def topic(self, arn: str) -> Topic:
        """Return the topic. Raises SnsError."""
        topic = self._topics.get(arn.removeprefix(self._arn_prefix))
        if topic is None or topic.arn != arn:
            raise sns_not_found("Topic does not exist")
        return topic

    def set_topic_attribute(self, arn: str, name: str, value: str) -> None:
        """Set one attribute. Raises SnsError."""
        if name == "SignatureVersion" and value not in SIGNATURE_VERSIONS:
            raise invalid_parameter("SignatureVersion")
        self.topic(arn).attributes[name] = value

    def subscribe(self, topic_arn: str, *, protocol: str, endpoint: str, attributes: dict[str, str]) -> Subscription:
        """Return the subscription of this endpoint; a new one is unconfirmed. Raises SnsError."""
        self.topic(topic_arn)
        if protocol not in ("http", "https", "sqs"):
            raise invalid_parameter(f"the simulator does not deliver by {protocol}")
        if protocol == "sqs" and not endpoint.startswith(self._queue_arn_prefix):
            raise invalid_parameter("SQS endpoint ARN")
        if protocol != "sqs" and not endpoint.startswith(f"{protocol}://"):
            raise invalid_parameter("Endpoint must match the specified protocol")
        if protocol != "sqs" and attributes.get("RawMessageDelivery") == "true":
            raise invalid_parameter("the simulator delivers raw messages to queues only")
        for subscription in self.subscriptions(topic_arn):
            if subscription.endpoint == endpoint:
                return subscription
        subscription = Subscription(
            arn=f"{topic_arn}:{uuid4()}",
            topic_arn=topic_arn,
            protocol=protocol,
            endpoint=endpoint,
            token=new_token(),
            attributes=attributes,
            # A queue of the topic's own account needs no handshake.
            confirmed=protocol == "sqs",
        )
        self._subscriptions[subscription.arn] = subscription
        self._by_token[subscription.token] = subscription
        return subscription

    def confirm(self, topic_arn: str, token: str, *, authenticated_unsubscribe: bool) -> Subscription:
        """Confirm the subscription that the token is for, or restore it after an unsubscription. Raises SnsError."""
        self.topic(topic_arn)
        subscription = self._by_token.get(token)
        if subscription is None or subscription.topic_arn != topic_arn:
            raise invalid_parameter("Token")
        subscription.confirmed = True
        subscription.authenticated_unsubscribe = authenticated_unsubscribe
        self._subscriptions[subscription.arn] = subscription
        return subscription

    def unsubscribe(self, arn: str, *, signed: bool) -> Subscription:
        """End the subscription and return it with a new token, which restores it. Raises SnsError."""
        subscription = self.subscription(arn)
        if subscription.authenticated_unsubscribe and not signed:
            raise authorization_error("This subscription was confirmed with AuthenticateOnUnsubscribe")
        del self._subscriptions[arn]
        subscription.confirmed = False
        subscription.token = new_token()
        self._by_token[subscription.token] = subscription
        return subscription

    def subscription(self, arn: str) -> Subscription:
        """Return the subscription. Raises SnsError."""
        subscription = self._subscriptions.get(arn)
        if subscription is None:
            raise sns_not_found("Subscription does not exist")
        return subscription

    def subscriptions(self, topic_arn: str) -> list[Subscription]:
        """Return the subscriptions of the topic, confirmed or not."""
        return [each for each in self._subscriptions.values() if each.topic_arn == topic_arn]
