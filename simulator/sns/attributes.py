"""The attributes of topics and subscriptions: which may be set, to what, and how SNS shows them.

https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from simulator.iam.policies import actions_of, fault_of_policy
from simulator.sns.errors import invalid_parameter

SIGNATURE_VERSIONS = ("1", "2")
OF_TOPICS = frozenset(
    {"DeliveryPolicy", "DisplayName", "KmsMasterKeyId", "Policy", "SignatureVersion", "TracingConfig"}
)
OF_SUBSCRIPTIONS = frozenset(
    {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}
)
OWNER_MAY = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip
DEFAULT_DELIVERY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}

_FEEDBACK = re.compile(r"(HTTP|Firehose|Lambda|Application|SQS)(Success|Failure)Feedback(RoleArn|SampleRate)")


def checked_for_topic(name: str, value: str) -> str:
    """Return the value as a topic keeps it. Raises SnsError."""
    if name not in OF_TOPICS and not _FEEDBACK.fullmatch(name):
        raise invalid_parameter("AttributeName")
    if name == "SignatureVersion" and value not in SIGNATURE_VERSIONS:
        raise invalid_parameter("SignatureVersion")
    if name == "Policy":
        _check_policy(value)
    if name == "DeliveryPolicy" and value:
        _object(name, value)
    return value


def checked_for_subscription(name: str, value: str, *, protocol: str, queue_arn_prefix: str) -> str:
    """Return the value as a subscription keeps it, an empty one removes it. Raises SnsError."""
    if name not in OF_SUBSCRIPTIONS:
        raise invalid_parameter("AttributeName")
    if not value:
        return value
    if name == "RawMessageDelivery":
        _check_raw(value, protocol)
    if name == "RedrivePolicy":
        _check_redrive(_object(name, value), queue_arn_prefix)
    if name == "FilterPolicy":
        return json.dumps(_object(name, value))
    if name == "FilterPolicyScope" and value != "MessageAttributes":
        raise invalid_parameter("the simulator filters by message attributes only")
    if name == "DeliveryPolicy":
        if protocol not in ("http", "https"):
            raise invalid_parameter("Attributes Reason: Delivery protocol [sqs] does not support delivery policies.")
        return _completed(_object(name, value))
    return value


def are_equal(one: str, other: str) -> bool:
    """Return whether two values of an attribute mean the same: JSON is compared as such."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


def default_policy(topic_arn: str, account_id: str) -> str:
    """Return the policy of a topic for which none was set: the owner may do everything."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{name}" for name in OWNER_MAY],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account_id}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def effective_delivery(policy: str | None) -> str:
    """Return the delivery policy in force for a topic."""
    own: Mapping[str, Any] = json.loads(policy).get("http", {}) if policy else {}
    default = DEFAULT_DELIVERY["http"]
    return json.dumps({"http": default | dict(own)})


def _check_raw(value: str, protocol: str) -> None:
    if value not in ("true", "false"):
        reason = f"RawMessageDelivery: Invalid value [{value}]. Must be true or false."
        raise invalid_parameter(f"Attributes Reason: {reason}")
    if value == "true" and protocol != "sqs":
        raise invalid_parameter("the simulator delivers raw messages to queues only")


def _check_redrive(policy: Mapping[str, Any], queue_arn_prefix: str) -> None:
    unknown = min(set(policy) - {"deadLetterTargetArn"}, default=None)
    if unknown is not None:
        raise invalid_parameter(f"RedrivePolicy: invalid JSON. Attribute {unknown} is unknown.")
    target = policy.get("deadLetterTargetArn")
    if not isinstance(target, str) or not target.startswith(queue_arn_prefix):
        raise invalid_parameter("RedrivePolicy: deadLetterTargetArn is an invalid arn")


def _check_policy(value: str) -> None:
    fault = fault_of_policy(value)
    if fault is not None:
        raise invalid_parameter(f"Policy Error: {fault}")
    # SNS refuses `SNS:*`, since not all of its actions may stand in a topic's policy.
    if not all(action.lower().startswith("sns:") and action.lower() != "sns:*" for action in actions_of(value)):
        raise invalid_parameter("Policy statement action out of service scope!")


def _completed(policy: Mapping[str, Any]) -> str:
    """Return a delivery policy as SNS gives it back: with every part, empty ones as null."""
    parts = ("healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy")
    unknown = set(policy) - {*parts, "guaranteed"}
    if unknown:
        raise invalid_parameter(f"DeliveryPolicy: unexpected JSON member: {min(unknown)}")
    healthy = policy.get("healthyRetryPolicy")
    if healthy is not None:
        least, most = healthy.get("minDelayTarget", 20), healthy.get("maxDelayTarget", 20)
        if not 1 <= least <= 3600 or not most <= 3600:
            raise invalid_parameter("DeliveryPolicy: healthyRetryPolicy.maxDelayTarget must be 1 to 3600")
        if not 0 <= healthy.get("numRetries", 3) <= 100:
            raise invalid_parameter("DeliveryPolicy: healthyRetryPolicy.numRetries must be 0 to 100")
    completed: dict[str, Any] = {name: policy.get(name) for name in parts}
    return json.dumps(completed | {"guaranteed": bool(policy.get("guaranteed", False))})


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid_parameter(f"{name}: failed to parse JSON.")
    return found
