"""Topics and their subscriptions, as SNS has them.

https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.configuration_sets import as_list, tags_in
from app.aws.setup.trouble import NOT_FOUND, code_of
from app.domain.account.setup.resources import TAG, Found, Json, Place, Resource

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

OF_SNS: Final = "sns"
PENDING: Final = "PendingConfirmation"
_IN_JSON: Final = frozenset({"Policy", "DeliveryPolicy", "RedrivePolicy"})
_DIFFERENT: Final = "already exists with different"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one place."""

    sns: "SNSClient"
    place: Place
    service: str = OF_SNS

    def find(self, resource: Resource) -> Found | None:
        """The topic with its attributes."""
        arn = self.place.topic_arn(resource.name)
        try:
            attributes = self.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
            owner = owner_of_topic(self.sns, arn)
        except ClientError as error:
            if code_of(error) in NOT_FOUND:
                return None
            raise
        properties = {name: read(name, attributes.get(name)) for name in resource.properties}
        # Topics have signature version 1 until another is set, and AWS leaves it out then.
        properties["SignatureVersion"] = attributes.get("SignatureVersion", "1")
        return Found(properties=properties, owner=owner)

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Make the topic with its tags and attributes. One that somebody has just made is left for the next look."""
        attributes = {name: written(value) for name, value in resource.properties.items()}
        try:
            self.sns.create_topic(Name=resource.name, Attributes=attributes, Tags=as_list(tags))
        except ClientError as error:
            if _DIFFERENT not in str(error):
                raise

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set these attributes."""
        arn = self.place.topic_arn(resource.name)
        for name in sorted(names):
            value = written(resource.properties[name])
            self.sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Give the topic these tags."""
        self.sns.tag_resource(ResourceArn=self.place.topic_arn(resource.name), Tags=as_list(tags))

    def remove(self, resource: Resource) -> None:
        """Remove the topic, and with it its subscriptions."""
        self.sns.delete_topic(TopicArn=self.place.topic_arn(resource.name))


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of topics. Each belongs to the deployment of its topic."""

    sns: "SNSClient"
    service: str = OF_SNS

    def find(self, resource: Resource) -> Found | None:
        """The subscription with its attributes. SNS shows those of a pending one only to who has its ARN."""
        arn = self._arn(resource)
        if arn is None:
            return None
        owner = owner_of_topic(self.sns, resource.parent)
        if arn == PENDING:
            return Found(properties={**resource.properties, "Confirmed": False}, owner=owner)
        attributes = self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        properties = {name: read(name, attributes.get(name)) for name in resource.properties}
        properties["Confirmed"] = attributes.get("PendingConfirmation", "false") == "false"
        properties["RawMessageDelivery"] = attributes.get("RawMessageDelivery", "false")
        return Found(properties=properties, owner=owner)

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Subscribe the endpoint. For one that waits for confirmation, SNS asks it once more."""
        del tags
        self.sns.subscribe(
            TopicArn=resource.parent,
            Protocol=protocol_of(resource.name),
            Endpoint=resource.name,
            ReturnSubscriptionArn=True,
            Attributes={name: written(resource.properties[name]) for name in _attributes(resource)},
        )

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set these attributes; a subscription that is not confirmed is asked for again."""
        arn = self._arn(resource)
        if arn in {None, PENDING}:
            self.make(resource, {})
            return
        for name in sorted(names & _attributes(resource)):
            value = written(resource.properties[name])
            self.sns.set_subscription_attributes(SubscriptionArn=str(arn), AttributeName=name, AttributeValue=value)

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Do nothing: a subscription has no tags."""

    def remove(self, resource: Resource) -> None:
        """Unsubscribe. What waits for confirmation cannot be: SNS drops it with the topic, or after two days."""
        arn = self._arn(resource)
        if arn not in {None, PENDING}:
            self.sns.unsubscribe(SubscriptionArn=str(arn))

    def _arn(self, resource: Resource) -> str | None:
        found = (one for one in self._listed(resource.parent) if one["Endpoint"] == resource.name)
        return next((str(one["SubscriptionArn"]) for one in found), None)

    def _listed(self, topic_arn: str) -> list[Any]:
        try:
            pages = self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
            return [one for page in pages for one in page["Subscriptions"]]
        except ClientError as error:
            if code_of(error) in NOT_FOUND:
                return []
            raise


def owner_of_topic(sns: "SNSClient", arn: str) -> str | None:
    """The deployment that the tag of a topic names."""
    return tags_in(sns.list_tags_for_resource(ResourceArn=arn)).get(TAG)


def protocol_of(endpoint: str) -> Any:
    """The protocol of a subscription: `sqs` for the ARN of a queue, else that of the URL."""
    return "sqs" if endpoint.startswith("arn:") else endpoint.partition(":")[0]


def read(name: str, text: str | None) -> Json:
    """The value of an attribute: AWS keeps policies as text."""
    if text and name in _IN_JSON:
        try:
            value: Json = json.loads(text)
        except ValueError:
            return text
        return value
    return text


def written(value: Json) -> str:
    """The text of an attribute."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _attributes(resource: Resource) -> frozenset[str]:
    return frozenset(resource.properties) - {"Confirmed"}
