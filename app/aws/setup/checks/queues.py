"""The queues of SQS_QUEUE_URLS: there, subscribed, written by SNS alone, and not filling up.

A queue policy is not a signature: each envelope is verified, whoever may write to the queue.
https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from app.aws.setup.checks.clients import AwsClients
from app.aws.setup.checks.policies import Policy
from app.aws.sqs.queue_url import QueueUrl
from app.domain.account.findings import Finding, Group, judged, warning, well, wrong

DEPTH: Final = "ApproximateNumberOfMessages"
_SNS: Final = "sns.amazonaws.com"
_SEND: Final = "sqs:SendMessage"
_MANY: Final = 10_000
_LONGEST_RETENTION_S: Final = 1_209_600
_MOST_RECEIVES: Final = 100
_AWS_MANAGED_KEY: Final = "alias/aws/sqs"


def queue(clients: AwsClients, url: QueueUrl, *, topic_arns: tuple[str, ...]) -> Iterator[Finding]:
    """Everything about one queue. `clients` have SQS."""
    sqs = clients.sqs_of(url.region)
    attributes = sqs.get_queue_attributes(QueueUrl=url.url, AttributeNames=["All"])["Attributes"]
    yield _depth(attributes, url.name)
    yield _subscribed(clients, attributes["QueueArn"], url.name, topic_arns)
    yield _policy(attributes.get("Policy"), url.name, topic_arns)
    yield _retention(attributes, url.name)
    if key := attributes.get("KmsMasterKeyId"):
        yield _encryption(key, url.name)
    if redrive := attributes.get("RedrivePolicy"):
        yield from _dead_letters(clients, json.loads(redrive), url)


def depth_of(clients: AwsClients, arn: str, *, region: str | None = None) -> tuple[int, str]:
    """How many messages are in the queue of this ARN, and its URL."""
    *_, account, name = arn.split(":")
    sqs = clients.sqs_of(region)
    url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[DEPTH])["Attributes"][DEPTH]), str(url)


def _depth(attributes: Mapping[str, str], name: str) -> Finding:
    waiting = int(attributes.get(DEPTH, "0"))
    if waiting >= _MANY:
        fix = "bounces take effect late: see that workers poll it, and raise SQS_POLLERS"
        return warning(Group.QUEUES, f"queue {name}", f"{waiting} wait", fix)
    return well(Group.QUEUES, f"queue {name}", f"{waiting} wait")


def _subscribed(clients: AwsClients, queue_arn: str, name: str, topic_arns: tuple[str, ...]) -> Finding:
    called = f"subscription of queue {name}"
    for topic_arn in topic_arns:
        pages = clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        for one in (each for page in pages for each in page["Subscriptions"] if each["Endpoint"] == queue_arn):
            attributes = clients.sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
            return judged(
                Group.QUEUES,
                called,
                ok=attributes.get("RawMessageDelivery") != "true",
                found="raw" if attributes.get("RawMessageDelivery") == "true" else "signed",
                fix="switch raw message delivery off: a raw message carries no signature",
            )
    fix = f"subscribe {queue_arn} to the topic, without raw delivery"
    return wrong(Group.QUEUES, called, "it is subscribed to none of our topics", fix)


def _policy(text: str | None, name: str, topic_arns: tuple[str, ...]) -> Finding:
    called = f"policy of queue {name}"
    allow = f"allow {_SNS} to call {_SEND}, with aws:SourceArn {', '.join(topic_arns) or 'of the topic'}"
    try:
        policy = Policy(text or "{}")
    except ValueError:
        return wrong(Group.QUEUES, called, "it is not readable", allow)
    if not any(policy.lets(_SNS, _SEND, {"aws:sourcearn": arn}) for arn in topic_arns):
        return wrong(Group.QUEUES, called, "SNS may not write", allow)
    if policy.is_open(_SEND):
        fix = f"{allow}, and remove what allows everybody; each envelope is verified all the same"
        return warning(Group.QUEUES, called, "anybody may write", fix)
    if policy.serves_strangers(_SNS, _SEND):
        return warning(Group.QUEUES, called, "SNS may write for any topic", allow)
    return well(Group.QUEUES, called, "SNS may write")


def _retention(attributes: Mapping[str, str], name: str) -> Finding:
    seconds = int(attributes.get("MessageRetentionPeriod", "0"))
    found = f"{seconds // 86_400} days"
    if seconds < _LONGEST_RETENTION_S:
        fix = f"set its MessageRetentionPeriod to {_LONGEST_RETENTION_S}: an outage may last longer than a weekend"
        return warning(Group.QUEUES, f"retention of queue {name}", found, fix)
    return well(Group.QUEUES, f"retention of queue {name}", found)


def _encryption(key: str, name: str) -> Finding:
    called = f"encryption of queue {name}"
    if key.endswith(_AWS_MANAGED_KEY):
        fix = f"use a customer managed key or SSE-SQS: {_AWS_MANAGED_KEY} has a policy that does not let SNS write"
        return wrong(Group.QUEUES, called, f"by {_AWS_MANAGED_KEY}", fix)
    fix = f"the key's policy has to allow {_SNS} kms:GenerateDataKey* and kms:Decrypt, or nothing arrives"
    return warning(Group.QUEUES, called, "by a key of yours", fix)


def _dead_letters(clients: AwsClients, redrive: Mapping[str, object], url: QueueUrl) -> Iterator[Finding]:
    receives = int(str(redrive.get("maxReceiveCount", "0")))
    if receives < _MOST_RECEIVES:
        fix = f"set maxReceiveCount to {_MOST_RECEIVES} or more: trouble on our side costs receives"
        yield warning(Group.QUEUES, f"receives of queue {url.name}", f"{receives} at most", fix)
    depth, dead = depth_of(clients, str(redrive["deadLetterTargetArn"]), region=url.region)
    yield judged(
        Group.QUEUES,
        f"dead letters of queue {url.name}",
        ok=depth == 0,
        found="none" if depth == 0 else f"{depth} wait",
        fix=f"mend what stopped them, then `./postern feedback redrive {dead}`",
    )
