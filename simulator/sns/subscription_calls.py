"""The actions about subscriptions: make, confirm, look at, change and end them."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.http.query import Fields, element, entries, members, read_map
from simulator.iam.arns import caller_arn
from simulator.sns.errors import authorization_error
from simulator.sns.paging import page
from simulator.sns.publisher import Publisher
from simulator.sns.topic_calls import required
from simulator.sns.topics import Subscription, Topics

PENDING = "pending confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCalls:
    """Each takes the fields of the request, and returns the XML of the result."""

    topics: Topics
    publisher: Publisher
    region: str
    account_id: str

    def actions(self) -> dict[str, Callable[[Fields], str]]:
        """Return the actions by name."""
        return {
            "Subscribe": self.subscribe,
            "ConfirmSubscription": self.confirm,
            "Unsubscribe": self.unsubscribe,
            "GetSubscriptionAttributes": self.get_attributes,
            "SetSubscriptionAttributes": self.set_attribute,
            "ListSubscriptions": self.list_all,
            "ListSubscriptionsByTopic": self.list_of_topic,
        }

    def subscribe(self, fields: Fields) -> str:
        """Subscribe an endpoint, and ask it to confirm, also when it was asked before."""
        subscription = self.topics.subscribe(
            required(fields, "TopicArn"),
            protocol=required(fields, "Protocol"),
            endpoint=required(fields, "Endpoint"),
            attributes=read_map(fields, "Attributes"),
        )
        if not subscription.confirmed:
            self.publisher.ask_to_confirm(subscription)
        known = subscription.confirmed or fields.get("ReturnSubscriptionArn") == "true"
        return element("SubscriptionArn", subscription.arn if known else PENDING)

    def confirm(self, fields: Fields) -> str:
        """Confirm the subscription whose endpoint got the token."""
        authenticated = fields.get("AuthenticateOnUnsubscribe") == "true"
        if authenticated and not fields["Signed"]:
            raise authorization_error("AuthenticateOnUnsubscribe needs a signed request")
        subscription = self.topics.confirm(
            required(fields, "TopicArn"), required(fields, "Token"), authenticated_unsubscribe=authenticated
        )
        return element("SubscriptionArn", subscription.arn)

    def unsubscribe(self, fields: Fields) -> str:
        """End a confirmed subscription, and tell an HTTP endpoint so."""
        subscription = self.topics.unsubscribe(required(fields, "SubscriptionArn"), signed=bool(fields["Signed"]))
        if subscription is not None and subscription.protocol != "sqs":
            self.publisher.tell_unsubscribed(subscription)
        return ""

    def get_attributes(self, fields: Fields) -> str:
        """Return the attributes, those that were never set included."""
        subscription = self.topics.subscription(required(fields, "SubscriptionArn"))
        shown = {
            "SubscriptionArn": subscription.arn,
            "TopicArn": subscription.topic_arn,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "Owner": self.account_id,
            "PendingConfirmation": "false" if subscription.confirmed else "true",
            "ConfirmationWasAuthenticated": "true" if subscription.authenticated_unsubscribe else "false",
            "RawMessageDelivery": "false",
            "SubscriptionPrincipal": caller_arn(self.region, self.account_id),
        }
        return entries("Attributes", shown | subscription.attributes)

    def set_attribute(self, fields: Fields) -> str:
        """Change one attribute."""
        self.topics.set_subscription_attribute(
            required(fields, "SubscriptionArn"), required(fields, "AttributeName"), fields.get("AttributeValue", "")
        )
        return ""

    def list_all(self, fields: Fields) -> str:
        """Return a page of all subscriptions."""
        topics = self.topics.topics()
        return self._page([one for topic in topics for one in self.topics.visible_subscriptions(topic.arn)], fields)

    def list_of_topic(self, fields: Fields) -> str:
        """Return a page of the subscriptions of a topic."""
        topic = self.topics.topic(required(fields, "TopicArn"))
        return self._page(self.topics.visible_subscriptions(topic.arn), fields)

    def _page(self, subscriptions: list[Subscription], fields: Fields) -> str:
        shown, token = page(subscriptions, fields)
        return members("Subscriptions", (self._described(each) for each in shown)) + token

    def _described(self, subscription: Subscription) -> str:
        shown = {
            "SubscriptionArn": subscription.arn if subscription.confirmed else "PendingConfirmation",
            "Owner": self.account_id,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "TopicArn": subscription.topic_arn,
        }
        return "".join(element(name, value) for name, value in shown.items())
