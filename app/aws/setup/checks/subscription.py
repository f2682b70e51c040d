"""The HTTPS subscription: confirmed, signed, repeated for long enough, and with a queue for what was not delivered.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.aws.setup.checks.clients import AwsClients
from app.aws.setup.checks.entrance import why_unconfirmed
from app.aws.setup.checks.queues import depth_of
from app.aws.sns.topic_arn import parse_topic_arn
from app.domain.account.findings import Finding, Group, judged, skipped, unknown, warning, well, wrong
from app.domain.account.setup.blueprint import FEEDBACK_PATH

_PENDING: Final = "PendingConfirmation"
_LASTS_S: Final = 1800
"""SNS repeats for an hour at most; half of that outlasts a deployment and most restarts."""
_IN_MINUTES: Final = 120
_PATIENT: Final = "docs/ses-setup.md has a delivery policy that repeats for most of an hour"

# SNS's own policy where none is set: three retries, twenty seconds apart.
_DEFAULT: Final = {"minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Our subscription to a topic: its topic, its endpoint, and its ARN once it is confirmed."""

    topic: str
    endpoint: str
    arn: str | None


def find(clients: AwsClients, topic_arn: str, *, public_url: str) -> Subscription | None:
    """Our subscription, a confirmed one before a pending one; None when there is none."""
    endpoint = public_url.rstrip("/") + FEEDBACK_PATH
    pages = clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    arns = {one["SubscriptionArn"] for page in pages for one in page["Subscriptions"] if one["Endpoint"] == endpoint}
    if not arns:
        return None
    confirmed = min(arns - {_PENDING}, default=None)
    return Subscription(parse_topic_arn(topic_arn).name, endpoint, confirmed)


def subscription(clients: AwsClients, topic_arn: str, *, public_url: str, has_queues: bool) -> Iterator[Finding]:
    """Whether the topic reaches the gateway, and what happens while it does not. With queues it need not."""
    name = f"subscription of {parse_topic_arn(topic_arn).name}"
    ours = find(clients, topic_arn, public_url=public_url)
    endpoint = public_url.rstrip("/") + FEEDBACK_PATH
    subscribe = f"subscribe {endpoint} to the topic while the gateway runs"
    if ours is None and has_queues:
        yield skipped(Group.EVENTS, name, "events come through SQS")
        return
    if ours is None:
        yield wrong(Group.EVENTS, name, "missing", subscribe)
        return
    if ours.arn is None:
        why = why_unconfirmed(public_url, topic_arn, now=clients.clock.now())
        yield wrong(Group.EVENTS, name, f"waits for confirmation: {why.found}", why.fix or subscribe)
        return
    yield well(Group.EVENTS, name, "confirmed")
    attributes = clients.sns.get_subscription_attributes(SubscriptionArn=ours.arn)["Attributes"]
    yield judged(
        Group.EVENTS,
        f"delivery of {ours.topic}",
        ok=attributes.get("RawMessageDelivery") != "true",
        found="raw" if attributes.get("RawMessageDelivery") == "true" else "signed",
        fix="switch raw message delivery off: a raw message carries no signature",
    )
    yield _retries(attributes, ours, is_aws=clients.is_aws)
    yield from dead_letters(clients, attributes.get("RedrivePolicy"), ours.topic)


def _retries(attributes: Mapping[str, str], ours: Subscription, *, is_aws: bool) -> Finding:
    name = f"retries of {ours.topic}"
    text = attributes.get("EffectiveDeliveryPolicy") or attributes.get("DeliveryPolicy")
    try:
        seconds = lasts_s(json.loads(text) if text else {})
    except (ValueError, TypeError, AttributeError):
        return unknown(Group.EVENTS, name, "the delivery policy is not readable", "set it anew")
    found = f"for {seconds // 60} minutes" if seconds >= _IN_MINUTES else f"for {seconds} s"
    if seconds >= _LASTS_S:
        return well(Group.EVENTS, name, found)
    if not is_aws:
        return skipped(Group.EVENTS, name, f"{found}, by a simulator")
    return warning(Group.EVENTS, name, f"{found}, then events are lost", _PATIENT)


def lasts_s(policy: Mapping[str, Any]) -> int:
    """For how many seconds SNS repeats a notification, at the least, by this delivery policy.

    In the phase between the shortest and the longest delay, each delay counts as the shortest.
    """
    retries = policy.get("http", {}).get("defaultHealthyRetryPolicy") or policy.get("healthyRetryPolicy") or _DEFAULT
    shortest, longest = int(retries.get("minDelayTarget", 20)), int(retries.get("maxDelayTarget", 20))
    at_once, short, long = (
        int(retries.get(phase) or 0) for phase in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
    )
    between = max(0, int(retries.get("numRetries", 3)) - at_once - short - long)
    return (short + between) * shortest + long * longest


def dead_letters(clients: AwsClients, redrive: str | None, topic: str) -> Iterator[Finding]:
    """The dead-letter queue of a subscription: whether it has one, and whether events wait in it."""
    name = f"dead letters of {topic}"
    if not redrive:
        if clients.is_aws:
            fix = "give the subscription a dead-letter queue (RedrivePolicy): docs/ses-setup.md has the commands"
            yield warning(Group.EVENTS, name, "no queue: events are lost when SNS gives up", fix)
        else:
            yield skipped(Group.EVENTS, name, "no queue, by a simulator")
        return
    if clients.sqs is None:
        yield skipped(Group.EVENTS, name, "SES is a simulator")
        return
    arn = json.loads(redrive)["deadLetterTargetArn"]
    depth, url = depth_of(clients, arn)
    yield judged(
        Group.EVENTS,
        name,
        ok=depth == 0,
        found="none" if depth == 0 else f"{depth} wait in {arn.rpartition(':')[2]}",
        fix=f"mend what stopped them, then `./postern feedback redrive {url}`",
    )
