"""When SNS retries an HTTP delivery: the delays of a delivery policy, and the answers that lead to another try.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_TOTAL_SECONDS = 3600.0
DEFAULT_RETRIES = 3

# AWS publishes the curves but no formulas. Each of these rises from the least to the greatest, ever more steeply.
_BACKOFF: dict[str, Callable[[float, float, float], float]] = {
    "linear": lambda least, most, step: least + (most - least) * step,
    "arithmetic": lambda least, most, step: least + (most - least) * step**2,
    "geometric": lambda least, most, step: least + (most - least) * step**3,
    "exponential": lambda least, most, step: least * (most / least) ** step,
}


def is_retryable(status: int) -> bool:
    """Return whether SNS tries again after this status: only after server errors and 429."""
    return status >= 500 or status == 429


def healthy_policy(subscription_policy: str | None, topic_policy: str | None) -> Mapping[str, Any]:
    """Return the retry policy of the subscription, else of the topic, else an empty one for SNS's default."""
    if subscription_policy:
        own = json.loads(subscription_policy).get("healthyRetryPolicy")
        if own:
            return dict(own)
    if topic_policy:
        return dict(json.loads(topic_policy).get("http", {}).get("defaultHealthyRetryPolicy") or {})
    return {}


def retry_delays(policy: Mapping[str, Any], default_delay: float) -> list[float]:
    """Return the seconds before each further try, in order, at most an hour in all."""
    kept: list[float] = []
    for delay in _phases(policy, default_delay):
        if sum(kept) + delay > MAX_TOTAL_SECONDS:
            break
        kept.append(delay)
    return kept


def _phases(policy: Mapping[str, Any], default_delay: float) -> Iterator[float]:
    least = float(policy.get("minDelayTarget", default_delay))
    most = max(least, float(policy.get("maxDelayTarget", default_delay)))
    immediate, early, late = (
        int(policy.get(name) or 0) for name in ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
    )
    backing_off = max(0, int(policy.get("numRetries", DEFAULT_RETRIES)) - immediate - early - late)
    curve = _BACKOFF[policy.get("backoffFunction") or "linear"]
    yield from [0.0] * immediate
    yield from [least] * early
    for number in range(backing_off):
        yield curve(least, most, number / max(1, backing_off - 1))
    yield from [most] * late
