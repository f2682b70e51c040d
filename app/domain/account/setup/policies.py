"""The policies of the topic and of the queues, and when two policies say the same. It does no I/O.

https://docs.aws.amazon.com/ses/latest/dg/configure-sns-notifications.html
https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
"""

from typing import Any

from app.domain.account.setup.resources import Json, Place


def topic_policy(place: Place, *, topic: str, configuration_set: str) -> dict[str, Json]:
    """Only SES may publish, and only for this account's configuration set."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "SesPublishesEvents",
                "Effect": "Allow",
                "Principal": {"Service": "ses.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": place.topic_arn(topic),
                "Condition": {
                    "StringEquals": {
                        "AWS:SourceAccount": place.account,
                        "AWS:SourceArn": place.ses_arn("configuration-set", configuration_set),
                    }
                },
            }
        ],
    }


def queue_policy(place: Place, *, queue: str, topic: str) -> dict[str, Json]:
    """Only SNS may send, and only messages of this topic."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "SnsSendsNotifications",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": place.queue_arn(queue),
                "Condition": {"ArnEquals": {"aws:SourceArn": place.topic_arn(topic)}},
            }
        ],
    }


def canonical(policy: Any) -> Any:
    """The policy in one form: AWS lets a list of one be its member, orders lists as it likes, and ignores case in keys.

    Two policies with equal canonical forms allow the same. Statements are compared without their names.
    """
    statements = policy.get("Statement", []) if isinstance(policy, dict) else []
    listed = statements if isinstance(statements, list) else [statements]
    return sorted((_statement(one) for one in listed if isinstance(one, dict)), key=repr)


def _statement(statement: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {name: _members(value) for name, value in statement.items() if name != "Sid"}
    if "Condition" in statement:
        parts["Condition"] = {
            test: {key.lower(): _members(value) for key, value in keys.items()}
            for test, keys in sorted(statement["Condition"].items())
        }
    if isinstance(statement.get("Principal"), dict):
        parts["Principal"] = {kind: _members(value) for kind, value in sorted(statement["Principal"].items())}
    return dict(sorted(parts.items()))


def _members(value: Any) -> list[str]:
    return sorted(map(str, value)) if isinstance(value, list) else [str(value)]
