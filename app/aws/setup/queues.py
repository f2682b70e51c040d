"""Queues, as SQS has them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.attributes import read, written
from app.aws.setup.error_codes import is_absent, is_there_already
from app.domain.account.setup.resources import TAG, Found, Resource

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

OF_SQS: Final = "sqs"


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues of one place."""

    sqs: "SQSClient"
    service: str = OF_SQS

    def find(self, resource: Resource) -> Found | None:
        """The queue with its attributes."""
        try:
            url = self.sqs.get_queue_url(QueueName=resource.name)["QueueUrl"]
            attributes: Any = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
            tags = self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        except ClientError as error:
            if is_absent(error):
                return None
            raise
        properties = {name: read(name, attributes.get(name)) for name in resource.properties}
        return Found(properties=properties, owner=tags.get(TAG))

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Make the queue with its tags. One that somebody has just made is left for the next look."""
        attributes: Any = {name: written(value) for name, value in resource.properties.items()}
        try:
            self.sqs.create_queue(QueueName=resource.name, Attributes=attributes, tags=tags)
        except ClientError as error:
            if not is_there_already(error):
                raise

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set these attributes."""
        attributes: Any = {name: written(resource.properties[name]) for name in names}
        if attributes:
            self.sqs.set_queue_attributes(QueueUrl=self.url(resource.name), Attributes=attributes)

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Give the queue these tags."""
        self.sqs.tag_queue(QueueUrl=self.url(resource.name), Tags=tags)

    def remove(self, resource: Resource) -> None:
        """Remove the queue with all that is in it."""
        self.sqs.delete_queue(QueueUrl=self.url(resource.name))

    def url(self, name: str) -> str:
        """The URL of the queue. Raises `ClientError` when there is none."""
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
