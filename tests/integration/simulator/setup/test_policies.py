"""What a policy of a topic or queue lets a service do, statement by statement."""

import json
from typing import Any

import pytest

from simulator.iam.policies import Wish, allows, fault_of_policy

TOPIC = "arn:aws:sns:us-east-1:123456789012:feedback"
WISH = Wish(
    service="ses.amazonaws.com",
    action="SNS:Publish",
    resource=TOPIC,
    context={"aws:SourceAccount": "123456789012", "aws:SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/a"},
)
ALLOWED: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sns:publish"}


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Principal": "*"},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"Service": ["events.amazonaws.com", "ses.amazonaws.com"]}},
        {"Action": ["SNS:Subscribe", "SNS:Pub*"]},
        {"Resource": "arn:aws:sns:*:123456789012:feed????"},
        {"Condition": {"StringEquals": {"AWS:SourceAccount": ["1", "123456789012"]}}},
        {"Condition": {"ArnLike": {"aws:sourcearn": "arn:aws:ses:*:*:identity/*"}}},
        {"Condition": {"StringNotEquals": {"aws:SourceAccount": "1"}}},
        {"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"Null": {"aws:PrincipalOrgID": "true"}}},
    ],
)
def test_a_statement_that_fits_allows(change: dict[str, Any]) -> None:
    """Lists are alternatives, `*` and `?` are wildcards, keys and actions are read in any case."""
    text = policy(ALLOWED | change)
    assert fault_of_policy(text) is None
    assert allows(text, WISH)


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Action": "SNS:Subscribe"},
        {"Resource": TOPIC + "2"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "1"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"StringNotEquals": {"aws:SourceAccount": ["1", "123456789012"]}}},
        {"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/b"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}, "Null": {"aws:SourceArn": "true"}}},
    ],
)
def test_a_statement_that_does_not_fit_allows_nothing(change: dict[str, Any]) -> None:
    """Each part has to fit, and all conditions have to hold; a key that is not sent is equal to nothing."""
    text = policy(ALLOWED | change)
    assert fault_of_policy(text) is None
    assert not allows(text, WISH)


def test_a_denial_outranks_every_permission() -> None:
    """Wherever it stands, also when it names everyone else; without a policy nothing is allowed."""
    everyone_else = {"Effect": "Deny", "NotPrincipal": {"Service": "sns.amazonaws.com"}, "NotAction": "SNS:Subscribe"}
    assert not allows(policy(ALLOWED, everyone_else), WISH)
    assert not allows(policy(everyone_else, ALLOWED), WISH)
    assert allows(policy(ALLOWED, everyone_else | {"NotAction": "SNS:Publish"}), WISH)
    assert not allows(None, WISH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"Statement": "x"}',
        policy({"Effect": "Maybe", "Principal": "*", "Action": "SNS:Publish"}),
        policy({"Effect": "Allow", "Action": "SNS:Publish"}),
        policy({"Effect": "Allow", "Principal": "*"}),
        policy(ALLOWED | {"Condition": {"StringSimilar": {"aws:SourceAccount": "1"}}}),
    ],
)
def test_what_cannot_be_evaluated_is_no_policy(text: str) -> None:
    """A text that is not JSON, has no statements or parts that are missing or unknown has a fault."""
    assert fault_of_policy(text) is not None
