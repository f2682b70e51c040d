"""The actions about topics: make, look at, change, tag and delete them."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.http.query import Fields, element, entries, members, read_list, read_map, read_tags, tag_list
from simulator.sns.attributes import default_policy, effective_delivery
from simulator.sns.errors import SnsError, invalid_parameter, resource_not_found
from simulator.sns.paging import page
from simulator.sns.topics import Topic, Topics

MOST_TAGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicCalls:
    """Each takes the fields of the request, and returns the XML of the result."""

    topics: Topics
    account_id: str

    def actions(self) -> dict[str, Callable[[Fields], str]]:
        """Return the actions by name."""
        return {
            "CreateTopic": self.create,
            "DeleteTopic": self.delete,
            "ListTopics": self.list_all,
            "GetTopicAttributes": self.get_attributes,
            "SetTopicAttributes": self.set_attribute,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.tags,
        }

    def create(self, fields: Fields) -> str:
        """Make a topic, unless there is one with these attributes and tags."""
        topic = self.topics.create(required(fields, "Name"), read_map(fields, "Attributes"), read_tags(fields))
        return element("TopicArn", topic.arn)

    def delete(self, fields: Fields) -> str:
        """Remove a topic with its subscriptions; there need be none."""
        self.topics.delete(required(fields, "TopicArn"))
        return ""

    def list_all(self, fields: Fields) -> str:
        """Return a page of the ARNs."""
        shown, token = page(self.topics.topics(), fields)
        return members("Topics", (element("TopicArn", topic.arn) for topic in shown)) + token

    def get_attributes(self, fields: Fields) -> str:
        """Return the attributes, those that were never set included."""
        topic = self.topics.topic(required(fields, "TopicArn"))
        subscriptions = self.topics.visible_subscriptions(topic.arn)
        confirmed = sum(1 for subscription in subscriptions if subscription.confirmed)
        shown = {
            "TopicArn": topic.arn,
            "Owner": self.account_id,
            "DisplayName": "",
            "Policy": default_policy(topic.arn, self.account_id),
            "EffectiveDeliveryPolicy": effective_delivery(topic.attributes.get("DeliveryPolicy")),
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsPending": str(len(subscriptions) - confirmed),
            "SubscriptionsDeleted": "0",
        }
        return entries("Attributes", shown | topic.attributes)

    def set_attribute(self, fields: Fields) -> str:
        """Change one attribute."""
        self.topics.set_topic_attribute(
            required(fields, "TopicArn"), required(fields, "AttributeName"), fields.get("AttributeValue", "")
        )
        return ""

    def tag(self, fields: Fields) -> str:
        """Add or replace tags."""
        topic = self._tagged(fields)
        tags = topic.tags | read_tags(fields)
        if len(tags) > MOST_TAGS:
            raise SnsError(400, "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
        topic.tags = tags
        return ""

    def untag(self, fields: Fields) -> str:
        """Remove tags."""
        topic = self._tagged(fields)
        removed = read_list(fields, "TagKeys")
        topic.tags = {name: value for name, value in topic.tags.items() if name not in removed}
        return ""

    def tags(self, fields: Fields) -> str:
        """Return the tags."""
        return tag_list(self._tagged(fields).tags)

    def _tagged(self, fields: Fields) -> Topic:
        topic = self.topics.find(required(fields, "ResourceArn"))
        if topic is None:
            raise resource_not_found()
        return topic


def required(fields: Fields, name: str) -> str:
    """Return a field. Raises SnsError when it is missing or empty."""
    if not fields.get(name):
        raise invalid_parameter(name)
    return fields[name]
