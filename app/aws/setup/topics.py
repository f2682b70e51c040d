"""Topics, as SNS has them.

https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from app.aws.setup.attributes import read, written
from app.aws.setup.error_codes import is_absent
from app.aws.setup.tags import as_list, tags_in
from app.domain.account.setup.resources import TAG, Found, Place, Resource

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

OF_SNS: Final = "sns"
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
            owner = tags_in(self.sns.list_tags_for_resource(ResourceArn=arn)).get(TAG)
        except ClientError as error:
            if is_absent(error):
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
