"""How long SNS repeats a notification, by the delivery policy of a subscription."""

from typing import Any

import pytest

from app.aws.setup.checks.subscription import lasts_s

DOCUMENTED = {
    "numRetries": 50,
    "numNoDelayRetries": 3,
    "numMinDelayRetries": 2,
    "minDelayTarget": 1,
    "maxDelayTarget": 60,
    "numMaxDelayRetries": 35,
    "backoffFunction": "exponential",
}


@pytest.mark.parametrize(
    "policy, seconds",
    [
        ({}, 60),
        ({"healthyRetryPolicy": DOCUMENTED}, 2 + 10 + 35 * 60),
        ({"http": {"defaultHealthyRetryPolicy": DOCUMENTED}}, 2 + 10 + 35 * 60),
        ({"healthyRetryPolicy": {"numRetries": 0, "minDelayTarget": 20, "maxDelayTarget": 20}}, 0),
        ({"healthyRetryPolicy": {"numRetries": 3, "numMaxDelayRetries": None}}, 60),
    ],
)
def test_the_phases_of_a_policy_add_up(policy: dict[str, Any], seconds: int) -> None:
    """Without a policy it is SNS's own: three times, twenty seconds apart."""
    assert lasts_s(policy) == seconds
