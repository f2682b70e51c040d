"""The subscriptions of topics, as SNS has them. They have no tags.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.attributes import read, written
from app.aws.setup.error_codes import is_absent
from app.aws.setup.topics import OF_SNS
from app.domain.account.setup.resources import Found, Resource

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

PENDING: Final = "PendingConfirmation"


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of topics."""

    sns: "SNSClient"
    service: str = OF_SNS

    def find(self, resource: Resource) -> Found | None:
        """The subscription with its attributes. SNS shows those of a pending one only to who has its ARN."""
        arn = self._arn(resource)
        if arn is None:
            return None
        if arn == PENDING:
            return Found(properties={**resource.properties, "Confirmed": False})
        attributes = self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        properties = {name: read(name, attributes.get(name)) for name in resource.properties}
        properties["Confirmed"] = attributes.get("PendingConfirmation", "false") == "false"
        properties["RawMessageDelivery"] = attributes.get("RawMessageDelivery", "false")
        return Found(properties=properties)

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
            if is_absent(error):
                return []
            raise


def protocol_of(endpoint: str) -> Any:
    """The protocol of a subscription: `sqs` for the ARN of a queue, else that of the URL."""
    return "sqs" if endpoint.startswith("arn:") else endpoint.partition(":")[0]


def _attributes(resource: Resource) -> frozenset[str]:
    return frozenset(resource.properties) - {"Confirmed"}
