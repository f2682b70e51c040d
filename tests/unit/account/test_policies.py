"""What the policy of a topic says: SES may publish with our account and set, and nobody else should."""

import json
from typing import Any

import pytest

from app.aws.setup.checks.policies import Policy

SES, PUBLISH = "ses.amazonaws.com", "sns:Publish"
ACCOUNT, SET = "123456789012", "arn:aws:ses:us-east-1:123456789012:configuration-set/postern"
FACTS = {"aws:sourceaccount": ACCOUNT, "aws:sourceowner": ACCOUNT, "aws:sourcearn": SET}
OURS = {"StringEquals": {"AWS:SourceAccount": ACCOUNT, "AWS:SourceArn": SET}}


def allow(principal: Any, *, action: Any = "sns:Publish", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **more}


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


TIGHT = allow({"Service": SES}, Condition=OURS)
DEFAULT = allow(
    {"AWS": "*"},
    action=["SNS:GetTopicAttributes", "SNS:Publish"],
    Condition={"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
)


@pytest.mark.parametrize(
    "statement",
    [
        TIGHT,
        DEFAULT,
        allow({"Service": [SES, "events.amazonaws.com"]}, action="SNS:*"),
        allow("*"),
        allow({"Service": SES}, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:ses:*:123456789012:*"}}),
        allow({"Service": SES}, Condition={"Bool": {"aws:SecureTransport": "true"}}),
    ],
)
def test_ses_may_publish(statement: dict[str, Any]) -> None:
    """By a tight policy, by that of a new topic, by wildcards; case does not count in actions and keys."""
    assert policy(statement).lets(SES, PUBLISH, FACTS)


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [allow({"Service": "events.amazonaws.com"})],
        [allow({"Service": SES}, action="sns:Subscribe")],
        [allow({"Service": SES}, Condition={"StringEquals": {"AWS:SourceAccount": "999999999999"}})],
        [allow({"Service": SES}, Condition={"StringEquals": {"aws:sourcearn": SET + "-old"}})],
        [TIGHT, allow("*", effect="Deny")],
    ],
)
def test_ses_may_not_publish(statements: list[dict[str, Any]]) -> None:
    """Nothing allows it, a condition names another account or set, or all is denied."""
    assert not policy(*statements).lets(SES, PUBLISH, FACTS)


def test_a_policy_that_lets_anybody_publish_is_open() -> None:
    """Without a condition, or with one that excludes nobody; the policy of a new topic is not."""
    assert policy(TIGHT, allow("*")).is_open(PUBLISH)
    assert policy(allow({"AWS": ["*"]}, Condition={"Bool": {"aws:SecureTransport": "true"}})).is_open(PUBLISH)
    assert policy(allow("*", Condition={"StringLike": {"aws:SourceArn": "*"}})).is_open(PUBLISH)
    assert not policy(TIGHT, DEFAULT).is_open(PUBLISH)
    assert not policy(allow("*", action="sns:Subscribe")).is_open(PUBLISH)


def test_a_policy_without_our_account_serves_strangers() -> None:
    """Any AWS account could have SES publish to the topic."""
    assert policy(allow({"Service": SES})).serves_strangers(SES, PUBLISH)
    assert not policy(TIGHT).serves_strangers(SES, PUBLISH)


@pytest.mark.parametrize("text", ["", "[]", "none", '"text"'])
def test_what_is_no_policy_is_refused(text: str) -> None:
    """It is no JSON, or no object."""
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        Policy(text)
