"""The attributes of a queue: their defaults and their ranges.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

import json
from collections.abc import Mapping
from typing import Any

from simulator.iam.policies import fault_of_policy
from simulator.sqs.errors import modelled

DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
DOCUMENTS = frozenset({"Policy", "RedriveAllowPolicy", "RedrivePolicy"})
SETTABLE = frozenset({*DEFAULTS, *RANGES, *DOCUMENTS, "KmsMasterKeyId"})
COMPUTED = frozenset(
    {"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible"}
    | {"CreatedTimestamp", "LastModifiedTimestamp", "QueueArn"}
)
MOST_RECEIVES = 1000


def checked(given: Mapping[str, Any]) -> dict[str, str]:
    """Return attributes that a caller sets, as text. Raises SqsError."""
    attributes = {name: str(value) for name, value in given.items()}
    for name, value in attributes.items():
        if name in ("FifoQueue", "ContentBasedDeduplication"):
            raise modelled("InvalidAttributeName", f"The simulator has no FIFO queues: Unknown Attribute {name}.")
        if name not in SETTABLE:
            raise modelled("InvalidAttributeName", f"Unknown Attribute {name}.")
        if not _is_valid(name, value):
            raise _invalid(name)
    return attributes


def redrive_of(attributes: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the ARN of the dead-letter queue and after how many receives a message goes there; None without one."""
    text = attributes.get("RedrivePolicy")
    if not text:
        return None
    policy = json.loads(text)
    return str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"])


def known(name: str) -> bool:
    """Return whether a queue may have this attribute."""
    return name in SETTABLE or name in COMPUTED or name == "All"


def _is_valid(name: str, value: str) -> bool:
    if name in RANGES:
        least, most = RANGES[name]
        return value.isdecimal() and least <= int(value) <= most
    if name == "SqsManagedSseEnabled":
        return value in ("true", "false")
    if name == "Policy":
        return not value or fault_of_policy(value) is None
    if name == "RedrivePolicy":
        return not value or _is_redrive(value)
    return True


def _is_redrive(value: str) -> bool:
    try:
        found = redrive_of({"RedrivePolicy": value})
    except (ValueError, KeyError, TypeError):
        return False
    return found is not None and found[0].startswith("arn:") and 1 <= found[1] <= MOST_RECEIVES


def _invalid(name: str) -> Exception:
    return modelled("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
