"""Topics and subscriptions, and the handshake that confirms a subscription. It sends nothing."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from simulator.control.consistency import Consistency
from simulator.iam.arns import arn_of
from simulator.sns.attributes import are_equal, checked_for_subscription, checked_for_topic
from simulator.sns.errors import authorization_error, invalid_parameter, sns_not_found

_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(slots=True, kw_only=True)
class Topic:
    """A standard topic; `attributes` are as set by callers."""

    arn: str
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

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
    def takes_messages(self) -> bool:
        """Return whether it gets messages that have no attributes, as those of SES: not with a filter on them."""
        return self.confirmed and self.attributes.get("FilterPolicy", "{}") == "{}"

    @property
    def raw(self) -> bool:
        """Return whether it gets the bare message instead of the envelope."""
        return self.attributes.get("RawMessageDelivery") == "true"


def new_token() -> str:
    """Return a confirmation token in SNS's form."""
    return "2336412f37" + secrets.token_hex(100)


class Topics:
    """All topics of the account in one region, and their subscriptions."""

    def __init__(self, *, region: str, account_id: str, consistency: Consistency) -> None:
        self._consistency = consistency
        self._arn_prefix = arn_of("sns", "", region, account_id)
        self._queue_arn_prefix = arn_of("sqs", "", region, account_id)
        self._topics: dict[str, Topic] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._by_token: dict[str, Subscription] = {}

    def create(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Topic:
        """Return the topic with this name; create it if there is none. Raises SnsError.

        What is given must agree with a topic that exists.
        """
        if not _TOPIC_NAME.fullmatch(name):
            raise invalid_parameter("Topic Name")
        wanted = {attribute: checked_for_topic(attribute, value) for attribute, value in attributes.items()}
        topic = self._topics.get(name)
        if topic is None:
            topic = Topic(arn=self._arn_prefix + name, attributes=wanted, tags=dict(tags))
            self._topics[name] = topic
            self._consistency.made(topic.arn)
        elif not _agree(wanted, topic.attributes):
            raise invalid_parameter("Attributes Reason: Topic already exists with different attributes")
        elif not tags.items() <= topic.tags.items():
            raise invalid_parameter("Tags Reason: Topic already exists with different tags")
        return topic

    def delete(self, arn: str) -> None:
        """Remove the topic and its subscriptions, if it exists; their tokens confirm nothing any more."""
        self._topics.pop(arn.removeprefix(self._arn_prefix), None)
        self._subscriptions = {one.arn: one for one in self._subscriptions.values() if one.topic_arn != arn}
        self._by_token = {token: one for token, one in self._by_token.items() if one.topic_arn != arn}

    def topics(self) -> list[Topic]:
        """Return every topic that calls see."""
        return [topic for topic in self._topics.values() if self._consistency.shows(topic.arn)]

    def all(self) -> list[Topic]:
        """Return every topic, by name."""
        return [topic for _, topic in sorted(self._topics.items())]

    def find(self, arn: str) -> Topic | None:
        """Return the topic, None when there is none, or it is not seen yet."""
        topic = self._topics.get(arn.removeprefix(self._arn_prefix))
        return topic if topic is not None and topic.arn == arn and self._consistency.shows(arn) else None

    def topic(self, arn: str) -> Topic:
        """Return the topic. Raises SnsError."""
        topic = self.find(arn)
        if topic is None:
            raise sns_not_found("Topic does not exist")
        return topic

    def set_topic_attribute(self, arn: str, name: str, value: str) -> None:
        """Set one attribute. Raises SnsError."""
        self.topic(arn).attributes[name] = checked_for_topic(name, value)

    def subscribe(self, topic_arn: str, *, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> Subscription:
        """Return the subscription of this endpoint; a new one is unconfirmed, unless it is a queue. Raises SnsError.

        The attributes that are given must be those of a subscription that exists.
        """
        self.topic(topic_arn)
        self._check_endpoint(protocol, endpoint)
        wanted = {name: self._checked(name, value, protocol) for name, value in attributes.items()}
        for subscription in self.subscriptions(topic_arn):
            if (subscription.protocol, subscription.endpoint) == (protocol, endpoint):
                if not _agree(wanted, subscription.attributes):
                    raise invalid_parameter("Attributes Reason: Subscription already exists with different attributes")
                return subscription
        subscription = Subscription(
            arn=f"{topic_arn}:{uuid4()}",
            topic_arn=topic_arn,
            protocol=protocol,
            endpoint=endpoint,
            token=new_token(),
            attributes=wanted,
            # A queue of the topic's own account needs no handshake: the caller's signature stands for it.
            confirmed=protocol == "sqs",
            authenticated_unsubscribe=protocol == "sqs",
        )
        self._subscriptions[subscription.arn] = subscription
        self._by_token[subscription.token] = subscription
        self._consistency.made(subscription.arn)
        return subscription

    def set_subscription_attribute(self, arn: str, name: str, value: str) -> None:
        """Set one attribute; an empty value removes it. Raises SnsError."""
        subscription = self.subscription(arn)
        kept = self._checked(name, value, subscription.protocol)
        if kept:
            subscription.attributes[name] = kept
        else:
            subscription.attributes.pop(name, None)

    def _checked(self, name: str, value: str, protocol: str) -> str:
        return checked_for_subscription(name, value, protocol=protocol, queue_arn_prefix=self._queue_arn_prefix)

    def _check_endpoint(self, protocol: str, endpoint: str) -> None:
        if protocol not in ("http", "https", "sqs"):
            raise invalid_parameter(f"the simulator does not deliver by {protocol}")
        if protocol == "sqs" and not endpoint.startswith(self._queue_arn_prefix):
            raise invalid_parameter("SQS endpoint ARN")
        if protocol != "sqs" and not endpoint.startswith(f"{protocol}://"):
            raise invalid_parameter("Endpoint must match the specified protocol")

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

    def unsubscribe(self, arn: str, *, signed: bool) -> Subscription | None:
        """End the subscription and return it with a new token, which restores it. Raises SnsError.

        What is gone already is ended without an error: then the answer is None.
        """
        if not arn.startswith("arn:"):
            raise invalid_parameter("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
        if arn not in self._subscriptions:
            return None
        subscription = self.subscription(arn)
        if not subscription.confirmed:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html
            reason = "Cannot unsubscribe a subscription that is pending confirmation"
            raise invalid_parameter(f"SubscriptionArn Reason: {reason}")
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
        if subscription is None or not self._consistency.shows(arn):
            raise sns_not_found("Subscription does not exist")
        return subscription

    def visible_subscriptions(self, topic_arn: str) -> list[Subscription]:
        """Return the subscriptions of the topic that calls see."""
        return [each for each in self.subscriptions(topic_arn) if self._consistency.shows(each.arn)]

    def subscriptions(self, topic_arn: str) -> list[Subscription]:
        """Return the subscriptions of the topic, confirmed or not."""
        return [each for each in self._subscriptions.values() if each.topic_arn == topic_arn]


def _agree(wanted: Mapping[str, str], present: Mapping[str, str]) -> bool:
    return all(are_equal(value, present.get(name, "")) for name, value in wanted.items() if value)
