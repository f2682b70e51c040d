"""What SNS puts in an SQS queue: notifications of subscribed queues, and envelopes that it could not deliver.

The policy of the queue must let SNS send for the topic.
https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
"""

import json
from dataclasses import dataclass

from simulator.iam.policies import Wish, allows
from simulator.sns.topics import Subscription
from simulator.sqs.queues import Queues


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDelivery:
    """Puts texts in queues of the account."""

    queues: Queues
    account_id: str

    def put(self, queue_arn: str, body: str, *, topic_arn: str) -> str | None:
        """Put the text in the queue. Return the code of the error that keeps SNS from it, otherwise None."""
        queue = self.queues.by_arn(queue_arn)
        if queue is None:
            return "AWS.SimpleQueueService.NonExistentQueue"
        wish = Wish(
            service="sns.amazonaws.com",
            action="sqs:SendMessage",
            resource=queue.arn,
            context={"aws:SourceArn": topic_arn, "aws:SourceAccount": self.account_id},
        )
        if not allows(queue.attributes.get("Policy"), wish):
            return "AccessDenied"
        queue.send(body)
        return None

    def put_lost(self, subscription: Subscription, body: str) -> None:
        """Put what was not delivered in the dead-letter queue of the subscription, if it may go there."""
        policy = json.loads(subscription.attributes["RedrivePolicy"])
        self.put(str(policy.get("deadLetterTargetArn")), body, topic_arn=subscription.topic_arn)
