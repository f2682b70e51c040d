"""Queues of the simulator, for tests: made, opened for topics, and emptied."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from simulator import Simulator
from tests.support.aws.simulator import client, until


@dataclass(frozen=True, slots=True)
class MadeQueue:
    """A queue by both of its names."""

    url: str
    arn: str


def make_queue(simulator: Simulator, name: str, *, topics: Iterable[str] = ()) -> MadeQueue:
    """Make a queue in which SNS may put the notifications of the topics."""
    sqs = client("sqs", simulator)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    queue = MadeQueue(url, arn)
    if topics:
        allow_topic(simulator, queue, topics)
    return queue


def allow_topic(simulator: Simulator, queue: MadeQueue, topics: Iterable[str]) -> None:
    """Give the queue a policy that lets SNS send for these topics only."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": list(topics)}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("sqs", simulator).set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy})


def bodies(simulator: Simulator, queue: MadeQueue, *, number: int = 1) -> list[str]:
    """Receive and delete this many messages; return their bodies in the order in which they came."""
    sqs = client("sqs", simulator)
    found: list[str] = []

    def look() -> bool:
        answer = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= number

    until(look)
    return found
