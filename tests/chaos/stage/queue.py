"""The queue of a drill whose notifications come through SQS: made before the workers, subscribed once they run."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

NAME = "intake"
RETENTION_S = "1209600"


@dataclass(frozen=True, slots=True)
class DrillQueue:
    """The queue, and a client that bypasses the networks that fail."""

    url: str
    arn: str
    sqs: Any

    def count(self) -> int:
        """How many messages it holds, visible and hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def make_queue(simulator_url: str, topic_arn: str, *, name: str = NAME) -> DrillQueue:
    """Make the queue, in which SNS may put what the topic gets."""
    sqs = boto3.client(
        "sqs",
        endpoint_url=simulator_url,
        region_name="us-east-1",
        aws_access_key_id="simulator",
        aws_secret_access_key="simulator",
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}),
    )
    url = sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": RETENTION_S})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return DrillQueue(url, arn, sqs)
